import { Schema } from "effect"
import { Email, OrderId, ShortText, UserId } from "./Ids.ts"
import { Amount, Currency } from "./Money.ts"
import { OrderItem, orderItemsMax } from "./OrderEvent.ts"

/** Accept an order and reserve its stock. */
export const CreateOrder = Schema.TaggedStruct("CreateOrder", {
  orderId: OrderId,
  userId: UserId,
  email: Email,
  currency: Currency,
  items: Schema.NonEmptyArray(OrderItem).check(Schema.isMaxLength(orderItemsMax))
})
export type CreateOrder = typeof CreateOrder.Type

/** Pay an order: the whole total, in its currency. */
export const PayOrder = Schema.TaggedStruct("PayOrder", { orderId: OrderId, amount: Amount, currency: Currency })
export type PayOrder = typeof PayOrder.Type

/** Hand a paid order to a carrier. */
export const ShipOrder = Schema.TaggedStruct("ShipOrder", {
  orderId: OrderId,
  carrier: ShortText,
  trackingNumber: ShortText
})
export type ShipOrder = typeof ShipOrder.Type

/** Everything a caller can ask of an order. */
export const OrderCommand = Schema.Union([CreateOrder, PayOrder, ShipOrder])
export type OrderCommand = typeof OrderCommand.Type
