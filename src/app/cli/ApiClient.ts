import { NodeHttpClient } from "@effect/platform-node"
import { Context, Effect, Layer } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { OrdersApi } from "../http/OrdersApi.ts"

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
