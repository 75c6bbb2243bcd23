import { Context, Effect, Layer, Redacted } from "effect"
import { join } from "node:path"
import { type NatsServer, startNats } from "../src/infra/embedded/EmbeddedNats.ts"
import { type PostgresServer, startPostgres } from "../src/infra/embedded/EmbeddedPostgres.ts"
import { tempDataDir } from "../src/infra/embedded/TempServers.ts"

/** Embedded servers on the data of a folder, with the product's defaults. */
export const serversIn = Effect.fnUntraced(function* (dataDir: string) {
  const own = { dataDir, supervise: false }
  const { nats, postgres } = yield* Effect.all(
    { nats: startNats(own), postgres: startPostgres(own) },
    { concurrency: 2 }
  )
  return {
    databaseUrl: postgres.url,
    natsUrl: Redacted.make(nats.url),
    natsConfig: configOf(nats),
    environment: { DATABASE_URL: Redacted.value(postgres.url), NATS_URL: nats.url }
  }
})

/**
 * Servers of a row's own, as a pipeline by itself has them: what another row left behind would be its work. Always
 * embedded, with the product's defaults.
 */
export const ownServers = Effect.flatMap(tempDataDir, serversIn)

/** Processes of the servers, where they are ours. */
export interface ServerPids {
  readonly postgres: number | undefined
  readonly nats: number | undefined
}

/** The servers of a benchmark: embedded ones with the durability the product has by default, or given ones. */
export class BenchServers extends Context.Service<
  BenchServers,
  {
    readonly databaseUrl: Redacted.Redacted
    readonly natsUrl: Redacted.Redacted
    readonly which: string
    /** The file of the nats-server's configuration, where it is ours. */
    readonly natsConfig: string | undefined
    readonly pids: Effect.Effect<ServerPids>
  }
>()("millrace/bench/BenchServers") {
  static readonly layer = (given: { readonly databaseUrl: string | undefined; readonly natsUrl: string | undefined }) =>
    Layer.effect(
      BenchServers,
      Effect.gen(function* () {
        const dataDir = yield* tempDataDir
        const own = { dataDir, supervise: false }
        const { nats, postgres } = yield* Effect.all(
          {
            postgres: unlessGiven(given.databaseUrl, startPostgres({ ...own, durable: true })),
            nats: unlessGiven(given.natsUrl, startNats(own))
          },
          { concurrency: 2 }
        )
        return {
          databaseUrl: postgres?.url ?? Redacted.make(given.databaseUrl ?? ""),
          natsUrl: Redacted.make(nats?.url ?? given.natsUrl ?? ""),
          which: `Postgres ${postgres === undefined ? "given" : "embedded"}, NATS ${nats === undefined ? "given" : "embedded"}`,
          natsConfig: nats && configOf(nats),
          pids: pidsOf(postgres, nats)
        }
      })
    )

  /** Servers that somebody else started: all that is known of them is where they are. */
  static readonly at = (databaseUrl: string, natsUrl: string) =>
    Layer.succeed(BenchServers, {
      databaseUrl: Redacted.make(databaseUrl),
      natsUrl: Redacted.make(natsUrl),
      which: "",
      natsConfig: undefined,
      pids: pidsOf(undefined, undefined)
    })
}

const nobody: Effect.Effect<undefined> = Effect.undefined

const unlessGiven = <A, E, R>(given: string | undefined, start: Effect.Effect<A, E, R>) =>
  given === undefined ? start : nobody

const configOf = ({ directory }: NatsServer) => join(directory, "nats.conf")

const pidsOf = (postgres: PostgresServer | undefined, nats: NatsServer | undefined): Effect.Effect<ServerPids> =>
  Effect.all({
    postgres: postgres?.pid ?? nobody,
    nats: nats?.pid ?? nobody
  })
