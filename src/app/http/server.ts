import { NodeHttpServer } from "@effect/platform-node"
import { ByteSize, type Duration, Effect, Layer, type Option, type Redacted } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiScalar } from "effect/http-api"
import { createServer } from "node:http"
import { idMaxChars } from "../../domain/Ids.ts"
import { opsGuard } from "../../ops/opsGuard.ts"
import * as MetricsHttp from "../../ops/MetricsHttp.ts"
import * as OpsHttp from "../../ops/OpsHttp.ts"
import * as ParkedHttp from "../../ops/ParkedHttp.ts"
import { Orders } from "../orders/Orders.ts"
import { Engine } from "../engine/Engine.ts"
import { OrdersApi } from "./OrdersApi.ts"
import * as OrdersHttp from "./OrdersHttp.ts"
import { plainFailures } from "./plainFailures.ts"

/** How the API is served. */
export interface ServerOptions {
  readonly host: string
  readonly port: number
  readonly bodyMaxBytes: number
  readonly drainMax: Duration.Duration
  /** Set once a stop has begun: connections end with their next answer, or a stop would last as long as there is traffic. */
  readonly draining: { readonly now: boolean }
  /** Who has it may operate; without one, only callers on this machine. */
  readonly opsToken: Option.Option<Redacted.Redacted>
}

/** The longest id, when each of its characters takes the nine that percent-encoding may need. */
const pathParameterMaxChars = 9 * idMaxChars

const operations = ({ opsToken }: ServerOptions) =>
  Layer.mergeAll(
    OpsHttp.layerHealth,
    Layer.mergeAll(OpsHttp.layer(Orders.name), ParkedHttp.layer(Orders), metrics).pipe(
      Layer.provide(opsGuard(opsToken))
    )
  )

const metrics = Layer.unwrap(Effect.map(Engine, (engine) => MetricsHttp.layer(engine.metrics)))

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
    Layer.provide(Layer.succeed(HttpServerRequest.MaxBodySize, ByteSize.fromInputUnsafe(options.bodyMaxBytes))),
    Layer.provideMerge(
      NodeHttpServer.layer(createServer, {
        host: options.host,
        port: options.port,
        gracefulShutdownTimeout: options.drainMax
      })
    )
  )
