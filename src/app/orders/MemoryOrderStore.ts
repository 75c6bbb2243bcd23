import { Effect, Layer, Option } from "effect"
import type { OrderId, Sku } from "../../domain/Ids.ts"
import type { Order } from "../../domain/Order.ts"
import type { Transactor } from "../../pipeline/Transactor.ts"
import { makeMemoryTable } from "./MemoryTable.ts"
import { OrderStore, ordersListedMax, type StoredAnswer } from "./OrderStore.ts"

/** The write side in memory, for `--memory` and tests. Memory transactions run one at a time, which is all the locking there is. */
export const layer: Layer.Layer<OrderStore, never, Transactor> = Layer.effect(
  OrderStore,
  Effect.gen(function* () {
    const orders = yield* makeMemoryTable<OrderId, Order>()
    const stock = yield* makeMemoryTable<Sku, number>()
    const answers = yield* makeMemoryTable<string, StoredAnswer>()

    return OrderStore.of({
      load: (wanted) =>
        Effect.sync(() => ({
          orders: pick(orders.rows, wanted.orderIds),
          stock: pick(stock.rows, wanted.skus),
          answers: pick(answers.rows, wanted.idempotencyKeys)
        })),
      save: Effect.fnUntraced(function* (changes) {
        for (const order of [...changes.created, ...changes.changed]) yield* orders.set(order.orderId, order)
        for (const [sku, units] of changes.reserved) yield* stock.set(sku, (stock.rows.get(sku) ?? 0) - units)
        for (const answer of changes.answers) yield* answers.set(answer.key, answer)
      }),
      find: (orderId) => Effect.sync(() => Option.fromUndefinedOr(orders.rows.get(orderId))),
      ofUser: (userId, limit) =>
        Effect.sync(() =>
          [...orders.rows.values()]
            .filter((order) => order.userId === userId)
            .reverse()
            .slice(0, Math.min(limit, ordersListedMax))
        ),
      setStock: (sku, available) => stock.set(sku, available),
      stock: (sku) => Effect.sync(() => Option.fromUndefinedOr(stock.rows.get(sku))),
      // Nothing outlives the process, so nothing is cleaned up.
      forgetAnswers: () => Effect.succeed(0)
    })
  })
)

const pick = <K, V>(rows: ReadonlyMap<K, V>, keys: ReadonlyArray<K>): ReadonlyMap<K, V> =>
  new Map(
    keys.flatMap((key) => {
      const value = rows.get(key)
      return value === undefined ? [] : [[key, value] as const]
    })
  )
