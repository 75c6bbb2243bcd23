import { Schema } from "effect"
import { HttpApiError } from "effect/http-api"
import { OrderId, Sku } from "../../domain/Ids.ts"
import { Money } from "../../domain/Money.ts"
import type { OrderRejection } from "../../domain/OrderRejection.ts"
import type { CommandFailure } from "../orders/CommandRequest.ts"

// One class per decision a caller can take (RFC 9457). `type` is the stable name; `errors` names fields as the request
// validation does.

const urn = <const Name extends string>(name: Name) => `urn:millrace:${name}` as const

const errors = Schema.Array(HttpApiError.ProblemIssue)

export class OrderNotFoundProblem extends HttpApiError.Problem<OrderNotFoundProblem>()(
  "OrderNotFoundProblem",
  { type: urn("order-not-found"), status: 404, title: "There is no such order" },
  { orderId: OrderId }
) {}

export class SkuNotFoundProblem extends HttpApiError.Problem<SkuNotFoundProblem>()(
  "SkuNotFoundProblem",
  { type: urn("sku-not-found"), status: 404, title: "Inventory does not know this SKU" },
  { sku: Sku }
) {}

export class OrderAlreadyExistsProblem extends HttpApiError.Problem<OrderAlreadyExistsProblem>()(
  "OrderAlreadyExistsProblem",
  { type: urn("order-already-exists"), status: 409, title: "An order with this id exists" },
  { orderId: OrderId }
) {}

export class OrderAlreadyPaidProblem extends HttpApiError.Problem<OrderAlreadyPaidProblem>()(
  "OrderAlreadyPaidProblem",
  { type: urn("order-already-paid"), status: 409, title: "The order was paid before" },
  { orderId: OrderId }
) {}

export class OrderNotPaidProblem extends HttpApiError.Problem<OrderNotPaidProblem>()(
  "OrderNotPaidProblem",
  { type: urn("order-not-paid"), status: 409, title: "Only a paid order can be shipped" },
  { orderId: OrderId }
) {}

export class OrderAlreadyShippedProblem extends HttpApiError.Problem<OrderAlreadyShippedProblem>()(
  "OrderAlreadyShippedProblem",
  { type: urn("order-already-shipped"), status: 409, title: "The order was shipped before" },
  { orderId: OrderId }
) {}

export class PaymentMismatchProblem extends HttpApiError.Problem<PaymentMismatchProblem>()(
  "PaymentMismatchProblem",
  { type: urn("payment-mismatch"), status: 422, title: "The payment is not the order's total in the order's currency" },
  { orderId: OrderId, expected: Money, received: Money, errors }
) {}

export class UnknownSkuProblem extends HttpApiError.Problem<UnknownSkuProblem>()(
  "UnknownSkuProblem",
  { type: urn("unknown-sku"), status: 422, title: "Inventory does not know a SKU of the order" },
  { sku: Sku, errors }
) {}

export class OutOfStockProblem extends HttpApiError.Problem<OutOfStockProblem>()(
  "OutOfStockProblem",
  { type: urn("out-of-stock"), status: 409, title: "Too few units are left" },
  { sku: Sku, requested: Schema.Int, available: Schema.Int, errors }
) {}

export class IdempotencyKeyReusedProblem extends HttpApiError.Problem<IdempotencyKeyReusedProblem>()(
  "IdempotencyKeyReusedProblem",
  { type: urn("idempotency-key-reused"), status: 422, title: "The Idempotency-Key was used for another request" },
  { errors }
) {}

export class UnavailableProblem extends HttpApiError.Problem<UnavailableProblem>()("UnavailableProblem", {
  type: urn("unavailable"),
  status: 503,
  title: "The service cannot take this now; repeat it with the same Idempotency-Key"
}) {}

/** What a refused command is answered with. */
export type RejectionProblem =
  | OrderNotFoundProblem
  | OrderAlreadyExistsProblem
  | OrderAlreadyPaidProblem
  | OrderNotPaidProblem
  | OrderAlreadyShippedProblem
  | PaymentMismatchProblem
  | UnknownSkuProblem
  | OutOfStockProblem

/** The problem of a rejection. Total: a new rejection does not compile without one. */
export const problemOf = (rejection: OrderRejection): RejectionProblem => {
  switch (rejection._tag) {
    case "OrderNotFound":
      return new OrderNotFoundProblem({ orderId: rejection.orderId, detail: "the write side has no order of this id" })
    case "OrderAlreadyExists":
      return new OrderAlreadyExistsProblem({ orderId: rejection.orderId })
    case "OrderAlreadyPaid":
      return new OrderAlreadyPaidProblem({ orderId: rejection.orderId })
    case "OrderNotPaid":
      return new OrderNotPaidProblem({ orderId: rejection.orderId })
    case "OrderAlreadyShipped":
      return new OrderAlreadyShippedProblem({ orderId: rejection.orderId })
    case "PaymentMismatch": {
      const { expected, orderId, received } = rejection
      const field = expected.currency === received.currency ? "amount" : "currency"
      const message = `the order's total is ${expected.amount} ${expected.currency}`
      return new PaymentMismatchProblem({
        orderId,
        expected,
        received,
        errors: [{ path: ["payload", field], message }]
      })
    }
    case "UnknownSku": {
      const message = "inventory does not know this SKU"
      return new UnknownSkuProblem({
        sku: rejection.sku,
        errors: [{ path: ["payload", "items", rejection.item, "sku"], message }]
      })
    }
    case "OutOfStock": {
      const { available, item, requested, sku } = rejection
      const message = `${requested} wanted, ${available} left`
      return new OutOfStockProblem({
        sku,
        requested,
        available,
        errors: [{ path: ["payload", "items", item, "quantity"], message }]
      })
    }
  }
}

/** The problem of a command that got no answer. */
export const problemOfFailure = (failure: CommandFailure): IdempotencyKeyReusedProblem | UnavailableProblem => {
  switch (failure._tag) {
    case "IdempotencyKeyReused":
      return new IdempotencyKeyReusedProblem({
        errors: [{ path: ["headers", "idempotency-key"], message: "was used with another body; take a new key" }]
      })
    case "OrdersOverloaded":
      return new UnavailableProblem({
        detail: `more than ${failure.waitingMax} commands wait already; nothing was done`
      })
    case "OrdersBacklogged":
      return new UnavailableProblem({
        detail: `${failure.rows} events wait to be published, the oldest for ${failure.oldestSeconds} s; nothing was done`
      })
    case "OrdersUnavailable":
      return new UnavailableProblem({ detail: "the database did not take the command in time" })
  }
}
