/** A real Postgres and a real nats-server of a test's own, to be killed on purpose. */
import { Context, Effect, Layer, Redacted } from "effect"
import { startNats } from "../../../src/infra/embedded/EmbeddedNats.ts"
import { startPostgres } from "../../../src/infra/embedded/EmbeddedPostgres.ts"
import { choosePort } from "../../../src/infra/embedded/LoopbackPort.ts"
import type { ServerHandle } from "../../../src/infra/embedded/SupervisedServer.ts"
import { tempDataDir } from "../../../src/infra/embedded/TempServers.ts"

/** Both servers, and the environment that points an app at them. */
export interface Servers {
  readonly postgres: ServerHandle
  readonly nats: ServerHandle
  readonly databaseUrl: Redacted.Redacted
  readonly natsUrl: Redacted.Redacted
  readonly environment: { readonly DATABASE_URL: string; readonly NATS_URL: string }
}

/** Both servers in a directory of their own, unwatched: what is killed stays down until it is started again. */
export const startServers = Effect.fnUntraced(function* (durable: boolean) {
  const dataDir = yield* tempDataDir
  const { nats, postgres } = yield* Effect.all(
    {
      // What is not durable loses its last commits when it is killed, so that is for tests that do not.
      postgres: startPostgres({ dataDir, supervise: false, durable }),
      nats: startNats({ dataDir, supervise: false, syncAlways: durable })
    },
    { concurrency: 2 }
  )
  const environment = { DATABASE_URL: Redacted.value(postgres.url), NATS_URL: nats.url }
  return { postgres, nats, databaseUrl: postgres.url, natsUrl: Redacted.make(nats.url), environment } satisfies Servers
})

/** The servers that the tests of one file share. */
export class TestServers extends Context.Service<TestServers, Servers>()("millrace/test/support/TestServers") {
  static readonly layer = Layer.effect(TestServers, startServers(false))
}

/** A port that is free now. */
export const freePort = choosePort(undefined).pipe(Effect.orDie)
