import { type DateTime, Option, Result } from "effect"
import type { Sku } from "./Ids.ts"
import type { Order } from "./Order.ts"
import type { CreateOrder, OrderCommand, PayOrder, ShipOrder } from "./OrderCommand.ts"
import { OrderCreated, type OrderEvent, type OrderItem, OrderPaid, OrderShipped } from "./OrderEvent.ts"
import {
  OrderAlreadyExists,
  OrderAlreadyPaid,
  OrderAlreadyShipped,
  OrderNotFound,
  OrderNotPaid,
  type OrderRejection,
  OutOfStock,
  PaymentMismatch,
  UnknownSku
} from "./OrderRejection.ts"

/** What a decision may look at: the order as it is, the units left of the SKUs it names, and the time. */
export interface DecisionContext {
  readonly order: Option.Option<Order>
  readonly stock: ReadonlyMap<Sku, number>
  readonly now: DateTime.Utc
}

/** What happened, and how many units of each SKU it takes out of stock. */
export interface Decision {
  readonly event: OrderEvent
  readonly reserved: ReadonlyMap<Sku, number>
}

/** The whole business of the shop, as a value: no time, no randomness, no I/O. */
export const decide = (context: DecisionContext, command: OrderCommand): Result.Result<Decision, OrderRejection> => {
  switch (command._tag) {
    case "CreateOrder":
      return create(context, command)
    case "PayOrder":
      return withOrder(context, command, (order) => pay(context, order, command))
    case "ShipOrder":
      return withOrder(context, command, (order) => ship(context, order, command))
  }
}

/** Units of each SKU over all items of an order, in the order of their first item. */
export const unitsBySku = (items: ReadonlyArray<OrderItem>): ReadonlyMap<Sku, number> =>
  items.reduce((units, item) => units.set(item.sku, (units.get(item.sku) ?? 0) + item.quantity), new Map<Sku, number>())

const nothingReserved: ReadonlyMap<Sku, number> = new Map()

const create = (context: DecisionContext, command: CreateOrder): Result.Result<Decision, OrderRejection> => {
  const { currency, email, items, orderId, userId } = command
  if (Option.isSome(context.order)) return Result.fail(new OrderAlreadyExists({ orderId }))
  const reserved = unitsBySku(items)
  const shortage = findShortage(context.stock, reserved, items)
  if (shortage !== undefined) return Result.fail(shortage)
  const total = items.reduce((sum, item) => sum + item.quantity * item.unitPrice, 0)
  const event = OrderCreated.make({ orderId, userId, email, currency, items, total, occurredAt: context.now })
  return Result.succeed({ event, reserved })
}

const findShortage = (
  stock: ReadonlyMap<Sku, number>,
  wanted: ReadonlyMap<Sku, number>,
  items: ReadonlyArray<OrderItem>
) => {
  for (const [sku, requested] of wanted) {
    const available = stock.get(sku)
    const item = items.findIndex((candidate) => candidate.sku === sku)
    if (available === undefined) return new UnknownSku({ sku, item })
    if (available < requested) return new OutOfStock({ sku, item, requested, available })
  }
  return undefined
}

const withOrder = (
  context: DecisionContext,
  command: PayOrder | ShipOrder,
  decideFor: (order: Order) => Result.Result<Decision, OrderRejection>
) =>
  Option.match(context.order, {
    onNone: () => Result.fail(new OrderNotFound({ orderId: command.orderId })),
    onSome: decideFor
  })

const pay = (context: DecisionContext, order: Order, command: PayOrder): Result.Result<Decision, OrderRejection> => {
  const { email, items, orderId, userId } = order
  const { amount, currency } = command
  if (order.status !== "created") return Result.fail(new OrderAlreadyPaid({ orderId }))
  if (amount !== order.total || currency !== order.currency) {
    const expected = { amount: order.total, currency: order.currency }
    return Result.fail(new PaymentMismatch({ orderId, expected, received: { amount, currency } }))
  }
  const event = OrderPaid.make({ orderId, userId, email, amount, currency, items, occurredAt: context.now })
  return Result.succeed({ event, reserved: nothingReserved })
}

const ship = (context: DecisionContext, order: Order, command: ShipOrder): Result.Result<Decision, OrderRejection> => {
  const { email, orderId, userId } = order
  const { carrier, trackingNumber } = command
  if (order.status === "created") return Result.fail(new OrderNotPaid({ orderId }))
  if (order.status === "shipped") return Result.fail(new OrderAlreadyShipped({ orderId }))
  const event = OrderShipped.make({ orderId, userId, email, carrier, trackingNumber, occurredAt: context.now })
  return Result.succeed({ event, reserved: nothingReserved })
}
