import { Cause, Effect } from "effect"
import { HttpServerError, HttpServerResponse, ProblemDetails } from "effect/http"

const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  404: "There is nothing at this address",
  405: "This address does not know the method",
  413: "The body is too large",
  415: "The body must be application/json",
  500: "Internal Server Error",
  503: "Service Unavailable"
}

const isSilentFailure = (response: HttpServerResponse.HttpServerResponse) =>
  response.status >= 400 && (response.body._tag === "Empty" || response.status === 415)

const asProblem = (response: HttpServerResponse.HttpServerResponse) => {
  const { status } = response
  return ProblemDetails.toResponse({
    type: ProblemDetails.blankType,
    status,
    title: titles[status] ?? "The request failed"
  })
}

/**
 * Failures the server answers by itself (no such address, a body over the limit, a defect) as problem details too, so
 * that every failure has one form. A defect is logged; its text stays inside. Nothing fails any more; the router still
 * wants to see the failures in the type.
 */
export const plainFailures = <E, R>(
  effect: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R> =>
  effect.pipe(
    Effect.catchCause((cause) =>
      Effect.flatMap(HttpServerError.causeResponse(cause), ([response]) =>
        response.status < 500 || Cause.hasInterruptsOnly(cause)
          ? Effect.succeed(response)
          : Effect.as(Effect.logError("a request died", cause), response)
      )
    ),
    Effect.map((response) => (isSilentFailure(response) ? asProblem(response) : response))
  )
