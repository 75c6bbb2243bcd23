import { Schema } from "effect"
import { OrderId, Sku } from "./Ids.ts"
import { Money } from "./Money.ts"

/** No order has this id. */
export class OrderNotFound extends Schema.TaggedError<OrderNotFound>()("OrderNotFound", { orderId: OrderId }) {}

/** An order with this id exists; creating it again would overwrite somebody's order. */
export class OrderAlreadyExists extends Schema.TaggedError<OrderAlreadyExists>()("OrderAlreadyExists", {
  orderId: OrderId
}) {}

/** The order was paid before. */
export class OrderAlreadyPaid extends Schema.TaggedError<OrderAlreadyPaid>()("OrderAlreadyPaid", {
  orderId: OrderId
}) {}

/** Only a paid order can be shipped. */
export class OrderNotPaid extends Schema.TaggedError<OrderNotPaid>()("OrderNotPaid", { orderId: OrderId }) {}

/** The order was shipped before. */
export class OrderAlreadyShipped extends Schema.TaggedError<OrderAlreadyShipped>()("OrderAlreadyShipped", {
  orderId: OrderId
}) {}

/** The payment is not the order's total in the order's currency. */
export class PaymentMismatch extends Schema.TaggedError<PaymentMismatch>()("PaymentMismatch", {
  orderId: OrderId,
  expected: Money,
  received: Money
}) {}

/** Inventory does not know this SKU. `item` is its index in the order. */
export class UnknownSku extends Schema.TaggedError<UnknownSku>()("UnknownSku", { sku: Sku, item: Schema.Int }) {}

/** Fewer units are left than all items of the order ask for. `item` is the first item that asks for the SKU. */
export class OutOfStock extends Schema.TaggedError<OutOfStock>()("OutOfStock", {
  sku: Sku,
  item: Schema.Int,
  requested: Schema.Int,
  available: Schema.Int
}) {}

/** Why a command was refused. Nothing was written. */
export const OrderRejection = Schema.Union([
  OrderNotFound,
  OrderAlreadyExists,
  OrderAlreadyPaid,
  OrderNotPaid,
  OrderAlreadyShipped,
  PaymentMismatch,
  UnknownSku,
  OutOfStock
])
export type OrderRejection = typeof OrderRejection.Type
