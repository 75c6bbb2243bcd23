import { DateTime, Effect, Layer, Option } from "effect"
import { SecureRandom } from "effect/crypto"
import { HttpApiBuilder, HttpApiMiddleware, HttpApiSchema } from "effect/http-api"
import { OrderId, type UserId } from "../../domain/Ids.ts"
import type { OrderCommand } from "../../domain/OrderCommand.ts"
import { ParkingDesk } from "../../pipeline/ParkingDesk.ts"
import type { ParkedKey } from "../../pipeline/Parked.ts"
import { traceparentOr, whenTraced } from "../../pipeline/Trace.ts"
import type { Idempotency } from "../orders/CommandRequest.ts"
import { OrderCommands } from "../orders/OrderCommands.ts"
import { Orders } from "../orders/Orders.ts"
import { OrderStore, ordersListedMax } from "../orders/OrderStore.ts"
import { type OrderView, OrderViews } from "../orders/OrderViews.ts"
import { Points } from "../orders/Points.ts"
import { Revenue } from "../orders/Revenue.ts"
import { fingerprintOf } from "./fingerprint.ts"
import { OrdersApi } from "./OrdersApi.ts"
import {
  OrderNotFoundProblem,
  problemOf,
  problemOfFailure,
  SkuNotFoundProblem,
  UnavailableProblem
} from "./problems.ts"

interface CommandHeaders {
  readonly "idempotency-key"?: string
  readonly traceparent?: string
}

/** The request's idempotency, as its header and body make it. */
const idempotencyOf = (headers: CommandHeaders, operation: string, payload: unknown): Option.Option<Idempotency> =>
  Option.map(Option.fromUndefinedOr(headers["idempotency-key"]), (key) => ({
    key,
    fingerprint: fingerprintOf(operation, payload)
  }))

const execute = Effect.fnUntraced(function* (
  command: OrderCommand,
  headers: CommandHeaders,
  operation: string,
  payload: unknown
) {
  const commands = yield* OrderCommands
  const idempotency = idempotencyOf(headers, operation, payload)
  const executed = Effect.flatMap(traceparentOr(headers.traceparent), (traceparent) =>
    commands.execute({ command, traceparent, idempotency })
  )
  const answer = yield* whenTraced(executed, "OrderCommands.execute", () => ({
    attributes: { command: command._tag, orderId: command.orderId }
  })).pipe(Effect.mapError(problemOfFailure))
  if (answer._tag === "Rejected") return yield* problemOf(answer.rejection)
  return answer.order
})

// What the domain cannot answer to a command. Should it do so all the same, that is a bug and a 500.
const neverOnCreate = [
  "OrderNotFoundProblem",
  "OrderAlreadyPaidProblem",
  "OrderNotPaidProblem",
  "OrderAlreadyShippedProblem",
  "PaymentMismatchProblem"
] as const
const neverOnPay = [
  "OrderAlreadyExistsProblem",
  "OrderNotPaidProblem",
  "OrderAlreadyShippedProblem",
  "UnknownSkuProblem",
  "OutOfStockProblem"
] as const
const neverOnShip = [
  "OrderAlreadyExistsProblem",
  "OrderAlreadyPaidProblem",
  "PaymentMismatchProblem",
  "UnknownSkuProblem",
  "OutOfStockProblem"
] as const

const unavailable = () => new UnavailableProblem({ detail: "the database did not answer" })

const ordersGroup = HttpApiBuilder.group(
  OrdersApi,
  "orders",
  Effect.fn(function* (handlers) {
    const store = yield* OrderStore
    const views = yield* OrderViews
    const desk = yield* ParkingDesk
    return handlers.handleAll({
      create: ({ headers, payload }) =>
        Effect.gen(function* () {
          const { orderId: given, ...order } = payload
          const orderId = given ?? OrderId.make(yield* Effect.sync(() => SecureRandom.uuidV7Unsafe()))
          const created = yield* execute({ _tag: "CreateOrder", orderId, ...order }, headers, "create", payload).pipe(
            Effect.catchTag(neverOnCreate, Effect.die)
          )
          return HttpApiSchema.withHeaders({
            body: created,
            headers: { location: `/orders/${encodeURIComponent(created.orderId)}` }
          })
        }),
      pay: ({ headers, params, payload }) =>
        execute({ _tag: "PayOrder", ...params, ...payload }, headers, `pay ${params.orderId}`, payload).pipe(
          Effect.catchTag(neverOnPay, Effect.die)
        ),
      ship: ({ headers, params, payload }) =>
        execute({ _tag: "ShipOrder", ...params, ...payload }, headers, `ship ${params.orderId}`, payload).pipe(
          Effect.catchTag(neverOnShip, Effect.die)
        ),
      show: ({ params, query }) =>
        (query.consistent === "true"
          ? store.find(params.orderId)
          : Effect.map(views.find(params.orderId), Option.map(bodyOf))
        ).pipe(
          Effect.mapError(unavailable),
          Effect.flatMap(Effect.fromOption),
          Effect.catchTag("NoSuchElementError", () => notFound(params.orderId, query.consistent === "true")),
          Effect.flatMap((order) => withParked(desk, order))
        )
    })
  })
)

const notFound = (orderId: OrderId, consistent: boolean) =>
  Effect.fail(
    new OrderNotFoundProblem({
      orderId,
      detail: consistent
        ? "the write side has no order of this id"
        : "the read model has no order of this id; one just created appears within milliseconds, or at once with ?consistent=true"
    })
  )

/** Handlers an order app has, with room for more. */
const handlersShownMax = 20

const withParked = <Body extends { readonly userId: UserId }>(desk: ParkingDesk["Service"], order: Body) =>
  desk.list(Orders.name, { key: order.userId }, handlersShownMax).pipe(
    Effect.mapError(unavailable),
    Effect.map((parked) => (parked.length === 0 ? order : { ...order, parked: parked.map(parkedFor) }))
  )

const parkedFor = ({ events, handler, parkedAtMs, reason, status }: ParkedKey) => ({
  handler,
  status,
  reason: reason.tag,
  since: DateTime.makeUnsafe(parkedAtMs),
  events
})

const bodyOf = ({ history, order }: OrderView) => ({ ...order, history })

const usersGroup = HttpApiBuilder.group(
  OrdersApi,
  "users",
  Effect.fn(function* (handlers) {
    const store = yield* OrderStore
    const views = yield* OrderViews
    const points = yield* Points
    return handlers.handleAll({
      orders: ({ params, query }) => {
        const limit = query.limit ?? ordersListedMax
        const listed =
          query.consistent === "true"
            ? store.ofUser(params.userId, limit)
            : Effect.map(views.ofUser(params.userId, limit), (found) => found.map(bodyOf))
        return Effect.mapError(listed, unavailable)
      },
      points: ({ params }) =>
        points.of(params.userId).pipe(
          Effect.map((booked) => ({ points: booked })),
          Effect.mapError(unavailable)
        )
    })
  })
)

const inventoryGroup = HttpApiBuilder.group(
  OrdersApi,
  "inventory",
  Effect.fn(function* (handlers) {
    const store = yield* OrderStore
    return handlers.handleAll({
      set: ({ params: { sku }, payload: { available } }) =>
        store.setStock(sku, available).pipe(Effect.as({ sku, available }), Effect.mapError(unavailable)),
      show: ({ params: { sku } }) =>
        store.stock(sku).pipe(
          Effect.mapError(unavailable),
          Effect.flatMap(Effect.fromOption),
          Effect.map((available) => ({ sku, available })),
          Effect.catchTag("NoSuchElementError", () => Effect.fail(new SkuNotFoundProblem({ sku })))
        )
    })
  })
)

const revenueGroup = HttpApiBuilder.group(
  OrdersApi,
  "revenue",
  Effect.fn(function* (handlers) {
    const revenue = yield* Revenue
    return handlers.handleAll({ of: ({ params }) => Effect.mapError(revenue.of(params.day), unavailable) })
  })
)

/** The API's handlers, with validation errors as problem details that name the fields. */
export const layer = HttpApiBuilder.layer(OrdersApi, { openapiPath: "/openapi.json" }).pipe(
  Layer.provide([ordersGroup, usersGroup, inventoryGroup, revenueGroup]),
  Layer.provide(HttpApiMiddleware.layerProblemDetails({ includeDetails: true }))
)
