/** A real Postgres and a real nats-server for a laptop. They stop with this process, even when it is killed. */
import { Context, Effect, Layer, type Redacted } from "effect"
import type { EmbeddedError } from "./EmbeddedError.ts"
import { startNats } from "./EmbeddedNats.ts"
import { startPostgres } from "./EmbeddedPostgres.ts"
import { openDataDir, type ServerOptions } from "./ServerOptions.ts"
import type { ServerHandle } from "./SupervisedServer.ts"

/** Which servers to start, and where their data is. */
export interface EmbeddedOptions extends ServerOptions {
  readonly postgres: boolean
  readonly nats: boolean
  /** Default true. False: Postgres without fsync, for data that may be lost with the machine. */
  readonly durable?: boolean
  /** nats-server: fsync before every acknowledgement. Default false. */
  readonly syncAlways?: boolean
}

/**
 * What was started; the fields of a server that was not asked for are undefined. They stop with the scope, and with the process
 * however it ends. A layer of it needs the services of `@effect/platform-node`.
 *
 * ```ts
 * import { NodeServices } from "@effect/platform-node"
 * import { Effect, Layer, Redacted } from "effect"
 * import { EmbeddedServers } from "millrace/embedded"
 * import * as NatsPipeline from "millrace/nats"
 * import * as PgPipeline from "millrace/postgres"
 *
 * const servers = Layer.unwrap(
 *   Effect.map(EmbeddedServers, ({ databaseUrl = Redacted.make(""), natsUrl = "" }) =>
 *     PgPipeline.layer({ url: databaseUrl }).pipe(
 *       Layer.provideMerge(NatsPipeline.layer({ url: Redacted.make(natsUrl), name: "app" }))
 *     )
 *   )
 * ).pipe(
 *   Layer.provide(EmbeddedServers.layer({ postgres: true, nats: true, dataDir: ".millrace" })),
 *   Layer.provide(NodeServices.layer)
 * )
 * ```
 */
export class EmbeddedServers extends Context.Service<
  EmbeddedServers,
  {
    /** `postgresql://user:password@127.0.0.1:port/database` */
    readonly databaseUrl: Redacted.Redacted<string> | undefined
    /** `nats://user:password@127.0.0.1:port`; the client wants it split, see `natsLogin`. */
    readonly natsUrl: string | undefined
    /** The absolute path. */
    readonly dataDir: string
    /** For drills: to look at, kill and start again. */
    readonly postgres: ServerHandle | undefined
    readonly nats: ServerHandle | undefined
  }
>()("millrace/infra/embedded/EmbeddedServers") {
  /** Starts both at the same time; built when both answer. Fails when another live process uses `dataDir`. */
  static readonly layer = (options: EmbeddedOptions): Layer.Layer<EmbeddedServers, EmbeddedError> =>
    Layer.effect(EmbeddedServers, start(options))
}

const start = Effect.fnUntraced(function* (options: EmbeddedOptions) {
  const { postgres, nats } = yield* Effect.all(
    {
      postgres: options.postgres ? startPostgres(options) : Effect.undefined,
      nats: options.nats ? startNats(options) : Effect.undefined
    },
    { concurrency: 2 }
  )
  return EmbeddedServers.of({
    databaseUrl: postgres?.url,
    natsUrl: nats?.url,
    dataDir: yield* openDataDir(options.dataDir),
    postgres,
    nats
  })
})
