import { NodeHttpClient } from "@effect/platform-node"
import { Config, Context, Effect, Layer, Option, Redacted } from "effect"
import { Flag } from "effect/cli"
import { HttpClient, HttpClientRequest } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { OpsApi } from "../../ops/OpsApi.ts"

/** `--token` before `OPS_TOKEN`; without either none is sent. */
export const tokenFlag = Flag.Redacted("token").pipe(
  Flag.withDescription("The pipeline's OPS_TOKEN, when it has one (OPS_TOKEN)"),
  Flag.withFallbackConfig(Config.Redacted("OPS_TOKEN")),
  Flag.optional
)

/** Puts the token on a request, when there is one. */
export const withToken =
  (token: Option.Option<Redacted.Redacted>) =>
  (request: HttpClientRequest.HttpClientRequest): HttpClientRequest.HttpClientRequest =>
    Option.match(token, {
      onNone: () => request,
      onSome: (given) => HttpClientRequest.bearerToken(request, Redacted.value(given))
    })

/** Operations on a running pipeline. */
export class OpsClient extends Context.Service<OpsClient, HttpApiClient.ForApi<typeof OpsApi>>()(
  "millrace/app/cli/OpsClient"
) {
  static readonly layer = (url: string, token: Option.Option<Redacted.Redacted>): Layer.Layer<OpsClient> =>
    Layer.effect(
      OpsClient,
      HttpApiClient.make(OpsApi, {
        transformClient: HttpClient.mapRequest((request) =>
          withToken(token)(HttpClientRequest.prependUrl(request, url.replace(/\/$/, "")))
        )
      })
    ).pipe(Layer.provide(NodeHttpClient.layerUndici))
}

/** Runs against the pipeline at this address. */
export const withOps =
  (url: string, token: Option.Option<Redacted.Redacted>) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, OpsClient>> =>
    Effect.provide(effect, OpsClient.layer(url, token))
