import { Option, Schema } from "effect"
import { Email, OrderId, ShortText, UserId } from "./Ids.ts"
import { Amount, Currency } from "./Money.ts"
import { type OrderEvent, OrderItem } from "./OrderEvent.ts"

/** How far an order is: created, then paid, then shipped. */
export const OrderStatus = Schema.Literals(["created", "paid", "shipped"])
export type OrderStatus = typeof OrderStatus.Type

/** An order as its events made it. `version` counts its own events: 1 created, 2 paid, 3 shipped. */
export const Order = Schema.Struct({
  orderId: OrderId,
  userId: UserId,
  email: Email,
  currency: Currency,
  items: Schema.NonEmptyArray(OrderItem),
  total: Amount,
  status: OrderStatus,
  version: Schema.Int,
  createdAt: Schema.DateTimeUtcFromString,
  paidAt: Schema.optionalKey(Schema.DateTimeUtcFromString),
  shippedAt: Schema.optionalKey(Schema.DateTimeUtcFromString),
  carrier: Schema.optionalKey(ShortText),
  trackingNumber: Schema.optionalKey(ShortText)
})
export type Order = typeof Order.Type

/**
 * The next state. Total over every history: an event that cannot follow (a payment of an unknown order, a second
 * creation) changes nothing, because `decide` never emits one and a reader must not crash on a foreign one.
 */
export const evolve = (state: Option.Option<Order>, event: OrderEvent): Option.Option<Order> =>
  Option.match(state, {
    onNone: () => (event._tag === "OrderCreated" ? Option.some(create(event)) : Option.none()),
    onSome: (order) => Option.some(advance(order, event))
  })

const create = (event: Extract<OrderEvent, { readonly _tag: "OrderCreated" }>): Order => ({
  orderId: event.orderId,
  userId: event.userId,
  email: event.email,
  currency: event.currency,
  items: event.items,
  total: event.total,
  status: "created",
  version: 1,
  createdAt: event.occurredAt
})

const advance = (order: Order, event: OrderEvent): Order => {
  if (event._tag === "OrderPaid" && order.status === "created") {
    return { ...order, status: "paid", version: order.version + 1, paidAt: event.occurredAt }
  }
  if (event._tag === "OrderShipped" && order.status === "paid") {
    const { carrier, trackingNumber } = event
    return {
      ...order,
      status: "shipped",
      version: order.version + 1,
      shippedAt: event.occurredAt,
      carrier,
      trackingNumber
    }
  }
  return order
}
