import { Effect, Option, Redacted } from "effect"
import { Mac } from "effect/crypto"
import { Headers, HttpRouter, HttpServerRequest, ProblemDetails } from "effect/http"

const loopback = /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/

const loopbackHost = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/

/**
 * Lets operators through to the routes it is provided to: with a token, whoever has it; without one, only programs on this
 * machine. It belongs to the routes, not to their address, which may be written in more ways than one.
 */
export const opsGuard = (token: Option.Option<Redacted.Redacted>) =>
  HttpRouter.middleware((answer) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
      const refusal = Option.match(token, {
        onNone: () => refusalOfStranger(request),
        onSome: (wanted) => refusalWithout(wanted, request)
      })
      return refusal === undefined ? answer : Effect.succeed(refusal)
    })
  ).layer

const headerOf = (request: HttpServerRequest.HttpServerRequest, name: string) =>
  Option.getOrUndefined(Headers.get(request.headers, name))

const refusalWithout = (token: Redacted.Redacted, request: HttpServerRequest.HttpServerRequest) =>
  same(headerOf(request, "authorization") ?? "", `Bearer ${Redacted.value(token)}`)
    ? undefined
    : problem(
        401,
        "Operations need the token",
        "send it as `Authorization: Bearer …`; it is OPS_TOKEN of the pipeline, or the `token` of its Ops.layer"
      )

// A browser on this machine may be led here by a page of somebody else, and a proxy on it may speak for anybody.
const refusalOfStranger = (request: HttpServerRequest.HttpServerRequest) => {
  const peer = Option.getOrElse(request.remoteAddress, () => "")
  const site = headerOf(request, "sec-fetch-site") ?? "none"
  const isOwn = ["same-origin", "none"].includes(site) && isLoopbackOrigin(headerOf(request, "origin"))
  const isDirect = ["forwarded", "x-forwarded-for"].every((name) => headerOf(request, name) === undefined)
  return loopback.test(peer) && loopbackHost.test(headerOf(request, "host") ?? "") && isOwn && isDirect
    ? undefined
    : problem(
        403,
        "Operations are for this machine",
        "set OPS_TOKEN, or the `token` of Ops.layer, to let others in, or ask from the machine itself"
      )
}

const isLoopbackOrigin = (origin: string | undefined) =>
  origin === undefined || (URL.canParse(origin) && loopbackHost.test(new URL(origin).host))

const utf8 = new TextEncoder()

const same = (given: string, wanted: string) => Mac.timingSafeEqual(utf8.encode(given), utf8.encode(wanted))

const problem = (status: number, title: string, detail: string) =>
  ProblemDetails.toResponse({ type: ProblemDetails.blankType, status, title, detail })
