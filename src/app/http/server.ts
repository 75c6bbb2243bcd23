import { NodeHttpServer } from "@effect/platform-node"
import { ByteSize, type Duration, Layer } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiScalar } from "effect/http-api"
import { createServer } from "node:http"
import { OrdersApi } from "./OrdersApi.ts"
import * as OrdersHttp from "./OrdersHttp.ts"

/** How the API is served. */
export interface ServerOptions {
  readonly host: string
  readonly port: number
  readonly bodyMaxBytes: number
  readonly drainMax: Duration.Duration
}

const health = HttpRouter.use((router) => router.add("GET", "/health", HttpServerResponse.json({ status: "ok" })))

/** The order API with its documents, on one port. A stop answers what is under way and takes nothing new. */
export const layer = (options: ServerOptions) =>
  HttpRouter.serve(Layer.mergeAll(OrdersHttp.layer, HttpApiScalar.layer(OrdersApi, { path: "/docs" }), health), {
    disableLogger: true,
    disableListenLog: true
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
