import { Context, Effect, Layer, Redacted } from "effect"
import { startNats } from "../src/infra/embedded/EmbeddedNats.ts"
import { startPostgres } from "../src/infra/embedded/EmbeddedPostgres.ts"
import { tempDataDir } from "../src/infra/embedded/TempServers.ts"

/**
 * Servers of a row's own, as a pipeline by itself has them: what another row left behind would be its work. Always
 * embedded, with the product's defaults.
 */
export const ownServers = Effect.gen(function* () {
  const own = { dataDir: yield* tempDataDir, supervise: false }
  const { nats, postgres } = yield* Effect.all(
    { nats: startNats(own), postgres: startPostgres(own) },
    { concurrency: 2 }
  )
  return { databaseUrl: postgres.url, environment: { DATABASE_URL: Redacted.value(postgres.url), NATS_URL: nats.url } }
})

/** The servers of a benchmark: embedded ones with the durability the product has by default, or given ones. */
export class BenchServers extends Context.Service<
  BenchServers,
  { readonly databaseUrl: Redacted.Redacted; readonly natsUrl: Redacted.Redacted; readonly which: string }
>()("millrace/bench/BenchServers") {
  static readonly layer = (given: { readonly databaseUrl: string | undefined; readonly natsUrl: string | undefined }) =>
    Layer.effect(
      BenchServers,
      Effect.gen(function* () {
        const dataDir = yield* tempDataDir
        const own = { dataDir, supervise: false }
        const databaseUrl =
          given.databaseUrl === undefined
            ? Effect.map(startPostgres({ ...own, durable: true }), ({ url }) => url)
            : Effect.succeed(Redacted.make(given.databaseUrl))
        const natsUrl =
          given.natsUrl === undefined ? Effect.map(startNats(own), ({ url }) => url) : Effect.succeed(given.natsUrl)
        const urls = yield* Effect.all({ databaseUrl, natsUrl }, { concurrency: 2 })
        const which = `Postgres ${given.databaseUrl === undefined ? "embedded" : "given"}, NATS ${given.natsUrl === undefined ? "embedded" : "given"}`
        return { databaseUrl: urls.databaseUrl, natsUrl: Redacted.make(urls.natsUrl), which }
      })
    )
}
