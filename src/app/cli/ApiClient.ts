import { NodeHttpClient } from "@effect/platform-node"
import { Config, Context, Effect, Layer } from "effect"
import { Flag } from "effect/cli"
import { HttpClient, HttpClientRequest } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { OrdersApi } from "../http/OrdersApi.ts"

/** Where a running pipeline is found when nothing else is said. */
export const urlDefault = "http://127.0.0.1:8080"

/** `--url` before `MILLRACE_URL` before the default. */
export const urlFlag = Flag.String("url").pipe(
  Flag.withDescription(`Address of the running pipeline (MILLRACE_URL, else ${urlDefault})`),
  Flag.withFallbackConfig(Config.String("MILLRACE_URL")),
  Flag.withDefault(urlDefault)
)

/** Connections to it at the same time. */
const connectionsMax = 256

/** The order API of a running pipeline. */
export class ApiClient extends Context.Service<ApiClient, HttpApiClient.ForApi<typeof OrdersApi>>()(
  "millrace/app/cli/ApiClient"
) {
  static readonly layer = (url: string): Layer.Layer<ApiClient> =>
    Layer.effect(
      ApiClient,
      HttpApiClient.make(OrdersApi, {
        transformClient: HttpClient.mapRequest(HttpClientRequest.prependUrl(url.replace(/\/$/, "")))
      })
    ).pipe(Layer.provide(NodeHttpClient.layerNodeHttpOptions({ keepAlive: true, maxSockets: connectionsMax })))
}

/** Runs against the pipeline at this address. */
export const withApi =
  (url: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, ApiClient>> =>
    Effect.provide(effect, ApiClient.layer(url))
