import { DateTime, Effect, Layer, Option } from "effect"
import type { OrderId } from "../../domain/Ids.ts"
import type { OrderEvent } from "../../domain/OrderEvent.ts"
import type { Delivery } from "../../pipeline/Handler.ts"
import type { Transactor } from "../../pipeline/Transactor.ts"
import { foldOrders } from "./foldOrders.ts"
import { makeMemoryTable } from "./MemoryTable.ts"
import { ordersListedMax } from "./OrderStore.ts"
import { type HistoryEntry, type OrderView, OrderViews } from "./OrderViews.ts"

/** The read model in memory. */
export const layer: Layer.Layer<OrderViews, never, Transactor> = Layer.effect(
  OrderViews,
  Effect.gen(function* () {
    const views = yield* makeMemoryTable<OrderId, OrderView>()
    let position = 0

    const apply = Effect.fnUntraced(function* (deliveries: ReadonlyArray<Delivery<OrderEvent>>) {
      const appliedAt = yield* DateTime.now
      for (const delivery of deliveries) {
        const { orderId } = delivery.event
        const before = views.rows.get(orderId)
        const known = new Map(before === undefined ? [] : [[orderId, before.order]])
        const order = foldOrders(known, [delivery.event]).get(orderId)
        if (order === undefined) continue
        yield* views.set(orderId, {
          order,
          history: [...(before?.history ?? []), entryOf(delivery, appliedAt, ++position)]
        })
      }
    })

    return OrderViews.of({
      apply,
      find: (orderId) => Effect.sync(() => Option.fromUndefinedOr(views.rows.get(orderId))),
      ofUser: (userId, limit) =>
        Effect.sync(() =>
          [...views.rows.values()]
            .filter((view) => view.order.userId === userId)
            .reverse()
            .slice(0, Math.min(limit, ordersListedMax))
        )
    })
  })
)

const entryOf = (delivery: Delivery<OrderEvent>, appliedAt: DateTime.Utc, position: number): HistoryEntry => ({
  position,
  type: delivery.type,
  eventId: delivery.eventId,
  version: delivery.version,
  occurredAt: delivery.event.occurredAt,
  appliedAt
})
