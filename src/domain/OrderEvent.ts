import { Schema } from "effect"
import { Email, OrderId, ShortText, Sku, UserId } from "./Ids.ts"
import { Amount, Currency, UnitPrice } from "./Money.ts"

/** Most items one order may have. */
export const orderItemsMax = 100

/** One item of an order: so many units of a SKU at a price in minor units. */
export const OrderItem = Schema.Struct({
  sku: Sku,
  quantity: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 })),
  unitPrice: UnitPrice
})
export type OrderItem = typeof OrderItem.Type

// Every event carries what its readers need (whose it is, where to write to), so that no handler has to look anything
// up. `schemaVersion` is bumped when a field changes its meaning; older versions are then decoded by an upcast here.
const common = {
  schemaVersion: Schema.tag(1),
  orderId: OrderId,
  userId: UserId,
  email: Email,
  occurredAt: Schema.DateTimeUtcFromString
}

const items = Schema.NonEmptyArray(OrderItem).check(Schema.isMaxLength(orderItemsMax))

/** An order was accepted and its stock reserved. */
export const OrderCreated = Schema.TaggedStruct("OrderCreated", {
  ...common,
  currency: Currency,
  items,
  total: Amount
})
export type OrderCreated = typeof OrderCreated.Type

/** An order was paid in full. `items`: what was paid for; the first versions of this app did not say. */
export const OrderPaid = Schema.TaggedStruct("OrderPaid", {
  ...common,
  currency: Currency,
  amount: Amount,
  items: Schema.optionalKey(items)
})
export type OrderPaid = typeof OrderPaid.Type

/** An order left the house. */
export const OrderShipped = Schema.TaggedStruct("OrderShipped", {
  ...common,
  carrier: ShortText,
  trackingNumber: ShortText
})
export type OrderShipped = typeof OrderShipped.Type

/** Everything that can happen to an order. */
export const OrderEvent = Schema.Union([OrderCreated, OrderPaid, OrderShipped])
export type OrderEvent = typeof OrderEvent.Type
