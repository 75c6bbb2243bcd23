import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Equal, Option, Result } from "effect"
import { evolve, type Order, type OrderStatus } from "../../src/domain/Order.ts"
import { unitsBySku } from "../../src/domain/OrderDecision.ts"
import { OrderEvent } from "../../src/domain/OrderEvent.ts"
import { OrderRejection } from "../../src/domain/OrderRejection.ts"
import { anyCommand, anyEvent, apply, ask, emptyShop, initialStock, type Shop } from "../support/orders.ts"

const commands = Arbitrary.array(anyCommand, { maxLength: 40 })

const many = { arbitrary: { runs: 400, size: 40 } }

/** The shop after each command of a history, refused ones left out. */
const shopsOf = (history: ReadonlyArray<Parameters<typeof ask>[1]>): ReadonlyArray<Shop> => {
  const shops = [emptyShop]
  for (const command of history) {
    const shop = shops.at(-1) ?? emptyShop
    const answer = ask(shop, command)
    if (Result.isSuccess(answer)) shops.push(apply(shop, answer.success))
  }
  return shops
}

const reservedBy = (shop: Shop, sku: string) =>
  [...shop.orders.values()]
    .flatMap((order) => [...unitsBySku(order.items)])
    .reduce((sum, [name, units]) => (name === sku ? sum + units : sum), 0)

const rank: Record<OrderStatus, number> = { created: 1, paid: 2, shipped: 3 }

describe("any history of commands", () => {
  it.effect("meets every event and every rejection, or the properties below would prove little", () =>
    Effect.gen(function* () {
      const met = new Set<string>()
      for (const history of yield* Arbitrary.sampleEffect(commands, { count: 200, size: 40, seed: 1 })) {
        history.reduce((shop: Shop, command) => {
          const answer = ask(shop, command)
          met.add(Result.isSuccess(answer) ? answer.success.event._tag : answer.failure._tag)
          return Result.isSuccess(answer) ? apply(shop, answer.success) : shop
        }, emptyShop)
      }
      const events = OrderEvent.members.map((member) => member.fields._tag.schema.literal)
      const rejections = OrderRejection.members.map((member) => member.identifier)
      assert.sameMembers([...met], [...events, ...rejections])
    })
  )

  it.prop(
    "never sells what is not there: stock is not negative, and what is reserved and what is left is what there was",
    [commands],
    ([history]) => {
      for (const shop of shopsOf(history)) {
        for (const [sku, units] of initialStock) {
          assert.isAtLeast(shop.stock.get(sku) ?? -1, 0)
          assert.strictEqual((shop.stock.get(sku) ?? 0) + reservedBy(shop, sku), units)
        }
      }
    },
    many
  )

  it.prop(
    "moves an order from created to paid to shipped, one version at a time, and never back",
    [commands],
    ([history]) => {
      const shops = shopsOf(history)
      for (const [i, shop] of shops.entries()) {
        for (const [orderId, order] of shop.orders) {
          const before = shops[i - 1]?.orders.get(orderId)
          assert.strictEqual(order.version, rank[order.status])
          assert.include([0, 1], order.version - (before?.version ?? 0))
        }
      }
    },
    many
  )

  it.prop(
    "refuses the same command after it was accepted, and changes nothing when it refuses",
    [commands],
    ([history]) => {
      history.reduce((shop: Shop, command) => {
        const answer = ask(shop, command)
        if (Result.isFailure(answer)) {
          assert.isTrue(Equal.equals(ask(shop, command), answer))
          return shop
        }
        const after = apply(shop, answer.success)
        assert.isTrue(Result.isFailure(ask(after, command)))
        return after
      }, emptyShop)
    },
    many
  )

  it.prop(
    "charges the sum of the items, and reserves what the items ask for",
    [commands],
    ([history]) => {
      for (const order of shopsOf(history).at(-1)?.orders.values() ?? []) {
        assert.strictEqual(
          order.total,
          order.items.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0)
        )
      }
    },
    many
  )
})

describe("any sequence of events, however senseless", () => {
  it.prop(
    "folds to a state without a crash: none before a creation, then a version that counts what followed",
    [Arbitrary.array(anyEvent, { maxLength: 12 })],
    ([events]) => {
      const state = events.reduce(evolve, Option.none<Order>())
      const isCreated = events.some(({ _tag }) => _tag === "OrderCreated")
      assert.strictEqual(Option.isSome(state), isCreated)
      if (Option.isSome(state)) assert.strictEqual(state.value.version, rank[state.value.status])
    },
    { arbitrary: { runs: 300 } }
  )
})
