import { Arbitrary, DateTime, Option, Schema } from "effect"
import { Email, OrderId, Sku, UserId } from "../../src/domain/Ids.ts"
import { Currency } from "../../src/domain/Money.ts"
import { evolve, type Order } from "../../src/domain/Order.ts"
import { CreateOrder, type OrderCommand, PayOrder, ShipOrder } from "../../src/domain/OrderCommand.ts"
import { decide, type Decision } from "../../src/domain/OrderDecision.ts"
import { OrderCreated, type OrderEvent, OrderPaid, OrderShipped } from "../../src/domain/OrderEvent.ts"

const small = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

type Some<A> = readonly [A, ...Array<A>]

const oneOf = <A>(items: Some<A>): Arbitrary.Arbitrary<A> =>
  Arbitrary.map(Arbitrary.schema(small(0, items.length - 1)), (i) => items[i] ?? items[0])

/** Some moment. */
export const noon = DateTime.makeUnsafe("2026-03-01T12:00:00Z")

/** Few ids, so that commands meet each other's orders and stock. */
const skus: Some<Sku> = [Sku.make("mug"), Sku.make("t-shirt"), Sku.make("*>'\""), Sku.make("unknown")]

/** Units there are to begin with; the last SKU is none of the shop's. */
export const initialStock: ReadonlyMap<Sku, number> = new Map(skus.slice(0, 3).map((sku, i) => [sku, 3 + i * 4]))

const orderIds: Some<OrderId> = [OrderId.make("o-1"), OrderId.make("o.2"), OrderId.make("ö 3")]

const currencies: Some<Currency> = [Currency.make("EUR"), Currency.make("JPY")]

const buyer = { userId: UserId.make("ada"), email: Email.make("ada@example.com") }

const item = Arbitrary.all({
  sku: oneOf(skus),
  quantity: Arbitrary.schema(small(1, 4)),
  unitPrice: Arbitrary.schema(small(0, 3))
})

const items = Arbitrary.all([item, Arbitrary.array(item, { maxLength: 3 })]).pipe(
  Arbitrary.map(([first, more]) => [first, ...more] as const)
)

/** Commands on a handful of orders, many of them wrong. */
export const anyCommand: Arbitrary.Arbitrary<OrderCommand> = Arbitrary.all({
  kind: Arbitrary.schema(small(0, 2)),
  orderId: oneOf(orderIds),
  items,
  currency: oneOf(currencies),
  amount: Arbitrary.schema(small(0, 12))
}).pipe(
  Arbitrary.map(({ amount, currency, items, kind, orderId }): OrderCommand => {
    if (kind === 0) return CreateOrder.make({ orderId, ...buyer, currency, items })
    if (kind === 1) return PayOrder.make({ orderId, amount, currency })
    return ShipOrder.make({ orderId, carrier: "DHL", trackingNumber: "T 1" })
  })
)

const characters: Some<string> = ["a", "Z", "0", " ", ".", "*", ">", '"', "'", "\\", "é", "日", "🦊", "\u{301}", "%"]

/** Any text an id may be, the odd ones included. */
const anyText = Arbitrary.all([
  oneOf(["x", "ü", "'", "🦊"]),
  Arbitrary.array(oneOf(characters), { maxLength: 20 })
]).pipe(Arbitrary.map(([first, more]) => [first, ...more].join("")))

/** Every kind of event, with arbitrary ids, times and amounts, in no sensible order. */
export const anyEvent: Arbitrary.Arbitrary<OrderEvent> = Arbitrary.all({
  kind: Arbitrary.schema(small(0, 2)),
  orderId: Arbitrary.map(anyText, (text) => OrderId.make(text)),
  userId: Arbitrary.map(anyText, (text) => UserId.make(text)),
  occurredAt: Arbitrary.map(Arbitrary.schema(small(-1_000_000_000, 2_000_000_000)), (s) =>
    DateTime.makeUnsafe(s * 1_000)
  ),
  currency: oneOf(currencies),
  items,
  amount: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))),
  carrier: anyText
}).pipe(
  Arbitrary.map(({ amount, carrier, currency, items, kind, occurredAt, orderId, userId }): OrderEvent => {
    const common = { orderId, userId, email: buyer.email, occurredAt }
    if (kind === 0) return OrderCreated.make({ ...common, currency, items, total: amount })
    if (kind === 1) return OrderPaid.make({ ...common, currency, amount })
    return OrderShipped.make({ ...common, carrier, trackingNumber: carrier })
  })
)

/** A shop: what it sold, and what it has left. */
export interface Shop {
  readonly orders: ReadonlyMap<OrderId, Order>
  readonly stock: ReadonlyMap<Sku, number>
}

/** Before the first order. */
export const emptyShop: Shop = { orders: new Map(), stock: initialStock }

/** What the shop says to a command. */
export const ask = (shop: Shop, command: OrderCommand) =>
  decide({ order: Option.fromUndefinedOr(shop.orders.get(command.orderId)), stock: shop.stock, now: noon }, command)

/** The shop after a decision, as the application applies it: fold the event, take the units. */
export const apply = (shop: Shop, { event, reserved }: Decision): Shop => {
  const order = evolve(Option.fromUndefinedOr(shop.orders.get(event.orderId)), event)
  return {
    orders: Option.isSome(order) ? new Map([...shop.orders, [event.orderId, order.value]]) : shop.orders,
    stock: new Map([...shop.stock].map(([sku, left]) => [sku, left - (reserved.get(sku) ?? 0)]))
  }
}
