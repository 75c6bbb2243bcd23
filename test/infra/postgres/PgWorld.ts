/** A real Postgres with the pipeline's tables, and what its tests write into it. */
import { Context, Effect, Layer, type Redacted } from "effect"
import { startPostgres } from "../../../src/infra/embedded/EmbeddedPostgres.ts"
import { tempDataDir } from "../../../src/infra/embedded/TempServers.ts"
import * as MemoryEventLog from "../../../src/infra/memory/MemoryEventLog.ts"
import * as PgPipeline from "../../../src/infra/postgres/PgPipeline.ts"
import { schemaDefault } from "../../../src/infra/postgres/PgSchema.ts"
import { query } from "../embedded/Clients.ts"

/** A Postgres of a test's own. */
export const ownPostgres = Effect.gen(function* () {
  return yield* startPostgres({ dataDir: yield* tempDataDir, durable: false, supervise: false })
})

/** Everything the pipeline keeps in that Postgres. */
export const pipelineIn = (url: Redacted.Redacted, schema = schemaDefault) =>
  PgPipeline.layer({ url, schema, connectionsMax: 24, keepAlive: "20 seconds" }).pipe(
    Layer.provideMerge(MemoryEventLog.layer)
  )

/** The Postgres itself, from outside of everything that is tested. */
export class PgUnderTest extends Context.Service<
  PgUnderTest,
  {
    readonly url: Redacted.Redacted
    /** Where the pipeline's tables are. */
    readonly schema: string
    /** Ends a session from a connection of its own. */
    readonly kill: (pid: number) => Effect.Effect<void>
  }
>()("millrace/test/infra/postgres/PgUnderTest") {}

/** The same in a Postgres that the tests of one file share. Each test takes a stream of its own. */
export const pgWorldIn = (schema: string) =>
  Layer.unwrap(
    Effect.map(ownPostgres, ({ url }) => {
      const kill = (pid: number) => Effect.orDie(Effect.asVoid(query(url, `SELECT pg_terminate_backend(${pid})`)))
      return Layer.merge(pipelineIn(url, schema), Layer.succeed(PgUnderTest, { url, schema, kill }))
    })
  )

/** In the schema it has when nobody says another. */
export const pgWorld = pgWorldIn(schemaDefault)

export { commitOf, entryOf, freshStream, reasonOf, storedOf } from "../../../src/testing/laws/LawWorld.ts"
