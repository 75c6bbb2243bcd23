import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { freshName, infraFor, notes } from "./Fixture.ts"
import { natsConnection, removeStream } from "./Nats.ts"
import { BenchServers } from "./Servers.ts"

/** Sessions of the benchmark itself: without the product's time limits, and out of its pool. */
export const adminSessions = Effect.flatMap(BenchServers, ({ databaseUrl }) =>
  Effect.map(Layer.build(PgClient.layer({ url: databaseUrl, maxConnections: 2 })), (built) =>
    Context.get(built, SqlClient.SqlClient)
  )
)

/** Where handlers of the benchmark have their effects. */
export const effectTable = (sql: SqlClient.SqlClient) =>
  sql`CREATE TABLE IF NOT EXISTS bench_effect (key text NOT NULL, version bigint NOT NULL)`

/**
 * A stream nobody has used, of at most so many bytes, and what is needed to work with it. All that it leaves in NATS and
 * Postgres is removed with the scope, so that the next one finds what this one found.
 */
export const scratch = Effect.fnUntraced(function* (name: string, maxBytes: number) {
  const sql = yield* adminSessions
  const connection = yield* natsConnection
  yield* effectTable(sql)
  const stream = notes(freshName(name))
  yield* Effect.addFinalizer(() => Effect.andThen(removeStream(connection, stream.name), removeRows(sql, stream.name)))
  return { services: yield* infraFor(maxBytes), stream }
})

const removeRows = (sql: SqlClient.SqlClient, stream: string) =>
  Effect.gen(function* () {
    const tables = yield* sql<{ readonly name: string }>`
      SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.columns
      WHERE table_schema = 'millrace' AND column_name = 'stream'`
    const names = tables.map(({ name }) => name)
    yield* Effect.forEach(names, (name) => sql.unsafe(`DELETE FROM ${name} WHERE stream = $1`, [stream]))
    yield* sql`TRUNCATE bench_effect`
    yield* sql.unsafe(`VACUUM ${names.join(", ")}`)
    // What is not written yet would be written while the next one is measured. Not everybody may ask for it.
    yield* sql`CHECKPOINT`.pipe(Effect.ignore)
  }).pipe(Effect.orDie)
