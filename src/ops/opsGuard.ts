import { Effect, Option, Redacted } from "effect"
import { Mac } from "effect/crypto"
import { Headers, HttpServerRequest, HttpServerResponse, ProblemDetails } from "effect/http"

/** Everything below it is for operators only. */
export const opsPrefix = "/ops/"

const loopback = /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/

// A page of another site may send requests to this machine, but under a name of its own.
const loopbackHost = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/

/**
 * Lets operators through: with a token, whoever has it; without one, only callers on this machine. Everything else passes
 * untouched.
 */
export const opsGuard =
  (token: Option.Option<Redacted.Redacted>) =>
  <E, R>(answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
      const refusal = request.url.startsWith(opsPrefix) ? refusalOf(token, request) : undefined
      return refusal === undefined ? answer : Effect.succeed(refusal)
    })

const refusalOf = (token: Option.Option<Redacted.Redacted>, request: HttpServerRequest.HttpServerRequest) => {
  if (Option.isSome(token)) {
    const given = Option.getOrElse(Headers.get(request.headers, "authorization"), () => "")
    return same(given, `Bearer ${Redacted.value(token.value)}`)
      ? undefined
      : problem(
          401,
          "Operations need the token",
          "send it as `Authorization: Bearer …`; it is OPS_TOKEN of the pipeline"
        )
  }
  const host = Option.getOrElse(Headers.get(request.headers, "host"), () => "")
  const peer = Option.getOrElse(request.remoteAddress, () => "")
  return loopback.test(peer) && loopbackHost.test(host)
    ? undefined
    : problem(403, "Operations are for this machine", "set OPS_TOKEN to let others in, or ask from the machine itself")
}

const utf8 = new TextEncoder()

const same = (given: string, wanted: string) => Mac.timingSafeEqual(utf8.encode(given), utf8.encode(wanted))

const problem = (status: number, title: string, detail: string) =>
  ProblemDetails.toResponse({ type: ProblemDetails.blankType, status, title, detail })
