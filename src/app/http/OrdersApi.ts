import { DateTime, Option, Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, HttpApiMiddleware, HttpApiSchema, OpenApi } from "effect/http-api"
import { Email, OrderId, ShortText, Sku, UserId } from "../../domain/Ids.ts"
import { Amount, Currency } from "../../domain/Money.ts"
import { Order } from "../../domain/Order.ts"
import { OrderItem, orderItemsMax } from "../../domain/OrderEvent.ts"
import { ordersListedMax } from "../orders/OrderStore.ts"
import * as Problem from "./problems.ts"

const HistoryEntry = Schema.Struct({
  position: Schema.Int,
  type: Schema.String,
  eventId: Schema.String,
  version: Schema.Int,
  occurredAt: Schema.DateTimeUtcFromString,
  appliedAt: Schema.DateTimeUtcFromString
})

/** A handler that has put the events of the order's user aside, and why. */
const ParkedFor = Schema.Struct({
  handler: Schema.String,
  status: Schema.Literals(["parked", "retrying"]),
  reason: Schema.String,
  since: Schema.DateTimeUtcFromString,
  events: Schema.Int
})

/**
 * An order as the read model shows it; `history` is what was applied, in the order it was applied. `parked`: handlers
 * that wait with the events of this order's user; left out when there are none.
 */
export const OrderBody = Schema.Struct({
  ...Order.fields,
  history: Schema.optionalKey(Schema.Array(HistoryEntry)),
  parked: Schema.optionalKey(Schema.Array(ParkedFor))
})
export type OrderBody = typeof OrderBody.Type

const CreateBody = Schema.Struct({
  orderId: Schema.optionalKey(OrderId),
  userId: UserId,
  email: Email,
  currency: Currency,
  items: Schema.NonEmptyArray(OrderItem).check(Schema.isMaxLength(orderItemsMax))
})

const PayBody = Schema.Struct({ amount: Amount, currency: Currency })

const ShipBody = Schema.Struct({ carrier: ShortText, trackingNumber: ShortText })

const StockBody = Schema.Struct({
  available: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000_000 }))
})

const Stock = Schema.Struct({ sku: Sku, available: Schema.Int })

/** Longest Idempotency-Key, in characters. */
export const idempotencyKeyMaxChars = 255

const commandHeaders = {
  "idempotency-key": Schema.optionalKey(
    Schema.String.check(
      Schema.isMinLength(1),
      Schema.isMaxLength(idempotencyKeyMaxChars),
      Schema.isPattern(/^[\x21-\x7e]+$/, { message: "must be printable ASCII without spaces" })
    )
  ),
  traceparent: Schema.optionalKey(Schema.String)
}

const orderParams = { orderId: OrderId }

const consistent = Schema.optionalKey(Schema.Literals(["true", "false"]))

const Created = HttpApiSchema.WithHeaders(OrderBody.pipe(HttpApiSchema.status(201)), { location: Schema.String })

const unanswered = [Problem.IdempotencyKeyReusedProblem, Problem.UnavailableProblem] as const

const orders = HttpApiGroup.make("orders").add(
  HttpApiEndpoint.post("create", "/orders", {
    headers: commandHeaders,
    payload: CreateBody,
    success: Created,
    error: [Problem.OrderAlreadyExistsProblem, Problem.UnknownSkuProblem, Problem.OutOfStockProblem, ...unanswered]
  }).annotate(OpenApi.Summary, "Create an order and reserve its stock"),
  HttpApiEndpoint.post("pay", "/orders/:orderId/pay", {
    params: orderParams,
    headers: commandHeaders,
    payload: PayBody,
    success: OrderBody,
    error: [
      Problem.OrderNotFoundProblem,
      Problem.OrderAlreadyPaidProblem,
      Problem.PaymentMismatchProblem,
      ...unanswered
    ]
  }).annotate(OpenApi.Summary, "Pay an order in full"),
  HttpApiEndpoint.post("ship", "/orders/:orderId/ship", {
    params: orderParams,
    headers: commandHeaders,
    payload: ShipBody,
    success: OrderBody,
    error: [
      Problem.OrderNotFoundProblem,
      Problem.OrderNotPaidProblem,
      Problem.OrderAlreadyShippedProblem,
      ...unanswered
    ]
  }).annotate(OpenApi.Summary, "Hand a paid order to a carrier"),
  HttpApiEndpoint.get("show", "/orders/:orderId", {
    params: orderParams,
    query: { consistent },
    success: OrderBody,
    error: [Problem.OrderNotFoundProblem, Problem.UnavailableProblem]
  }).annotate(OpenApi.Summary, "An order, from the read model; with consistent=true from the write side")
)

const users = HttpApiGroup.make("users").add(
  HttpApiEndpoint.get("orders", "/users/:userId/orders", {
    params: { userId: UserId },
    query: {
      consistent,
      limit: Schema.optionalKey(
        Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: ordersListedMax }))
      )
    },
    success: Schema.Array(OrderBody),
    error: Problem.UnavailableProblem
  }).annotate(OpenApi.Summary, "A user's orders, newest first, at most 1,000"),
  HttpApiEndpoint.get("points", "/users/:userId/points", {
    params: { userId: UserId },
    success: Schema.Struct({ points: Schema.Int }),
    error: Problem.UnavailableProblem
  }).annotate(OpenApi.Summary, "A user's loyalty points")
)

const inventory = HttpApiGroup.make("inventory").add(
  HttpApiEndpoint.put("set", "/inventory/:sku", {
    params: { sku: Sku },
    payload: StockBody,
    success: Stock,
    error: Problem.UnavailableProblem
  }).annotate(OpenApi.Summary, "Say how many units of a SKU are available"),
  HttpApiEndpoint.get("show", "/inventory/:sku", {
    params: { sku: Sku },
    success: Stock,
    error: [Problem.SkuNotFoundProblem, Problem.UnavailableProblem]
  }).annotate(OpenApi.Summary, "How many units of a SKU are available")
)

// 30 February would be read as 2 March, and Postgres has no year 0.
const isDay = (text: string) =>
  /^(?!0000)\d{4}-\d{2}-\d{2}$/.test(text) &&
  Option.exists(DateTime.make(`${text}T00:00:00Z`), (day) => DateTime.formatIsoDateUtc(day) === text)

const Day = Schema.String.check(
  Schema.makeFilter((text: string) => (isDay(text) ? undefined : "must be a day such as 2026-11-26"))
)

const RevenueLine = Schema.Struct({
  sku: Schema.String,
  currency: Schema.String,
  units: Schema.Int,
  amount: Schema.Finite
})

const revenue = HttpApiGroup.make("revenue").add(
  HttpApiEndpoint.get("of", "/revenue/:day", {
    params: { day: Day },
    success: Schema.Array(RevenueLine),
    error: Problem.UnavailableProblem
  }).annotate(OpenApi.Summary, "What was paid on a day (UTC), by SKU, the largest amounts first, at most 1,000")
)

/** The order app over HTTP: JSON, camelCase, ISO 8601 UTC, money in minor units, errors as problem details. */
export class OrdersApi extends HttpApi.make("orders-api")
  .add(orders)
  .add(users)
  .add(inventory)
  .add(revenue)
  .middleware(HttpApiMiddleware.ProblemDetails)
  .annotate(HttpApi.ParseOptions, { errors: "all" })
  .annotateMerge(
    OpenApi.annotations({
      title: "Millrace orders",
      description:
        "Orders in, events out: in order per user, once. Send an Idempotency-Key with every command, and repeat it freely."
    })
  ) {}
