import { NodeHttpServer } from "@effect/platform-node"
import { ByteSize, Duration, Effect, Layer } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiScalar } from "effect/http-api"
import { createServer } from "node:http"
import { idMaxChars } from "../../domain/Ids.ts"
import type { Check } from "../../pipeline/Check.ts"
import type { AppConfigValues } from "../AppConfig.ts"
import { operations } from "./operations.ts"
import { OrdersApi } from "./OrdersApi.ts"
import * as OrdersHttp from "./OrdersHttp.ts"
import { plainFailures } from "./plainFailures.ts"

/** How the API is served. */
export interface ServerOptions {
  readonly config: AppConfigValues
  /** Set once a stop has begun: connections end with their next answer, or a stop would last as long as there is traffic. */
  readonly draining: { readonly now: boolean }
  /** What the doctor looks at in a running pipeline. */
  readonly checks: ReadonlyArray<Check>
}

/** The longest id, when each of its characters takes the nine that percent-encoding may need. */
const pathParameterMaxChars = 9 * idMaxChars

/** When a 503 may be worth repeating: limits are looked at once a second. */
const retryAfterSeconds = "1"

const answers = ({ draining }: ServerOptions) =>
  HttpRouter.middleware(
    (effect) =>
      Effect.map(plainFailures(effect), (response) => {
        const timed =
          response.status === 503 ? HttpServerResponse.setHeader(response, "retry-after", retryAfterSeconds) : response
        return draining.now ? HttpServerResponse.setHeader(timed, "connection", "close") : timed
      }),
    { global: true }
  )

const documents = HttpApiScalar.layer(OrdersApi, { path: "/docs" })

/** The order API with its documents, on one port. A stop answers what is under way and takes nothing new. */
export const layer = (options: ServerOptions) =>
  serve(options, Layer.mergeAll(OrdersHttp.layer, documents, operations(options)))

/** Health and audit only, for a process without the API. */
export const layerOperations = (options: ServerOptions) => serve(options, operations(options))

const serve = <E, R>(options: ServerOptions, routes: Layer.Layer<never, E, R>) =>
  HttpRouter.serve(Layer.mergeAll(routes, answers(options)), {
    disableLogger: true,
    disableListenLog: true,
    routerConfig: { maxParamLength: pathParameterMaxChars }
  }).pipe(
    Layer.provide(Layer.succeed(HttpServerRequest.MaxBodySize, ByteSize.fromInputUnsafe(options.config.bodyMaxBytes))),
    Layer.provideMerge(
      NodeHttpServer.layer(createServer, {
        host: options.config.host,
        port: options.config.port,
        gracefulShutdownTimeout: Duration.seconds(options.config.drainMaxSeconds)
      })
    )
  )
