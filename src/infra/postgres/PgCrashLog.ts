import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { CrashLog } from "../../pipeline/CrashLog.ts"
import type { Claim } from "../../pipeline/Ownership.ts"
import { bigints } from "./parameters.ts"
import { asStoreUnavailable } from "./sqlFailure.ts"

interface Row {
  readonly key: string
  readonly version: bigint
  readonly attempts: number
}

const read =
  (sql: SqlClient.SqlClient) =>
  ({ handler, partition, stream }: Claim) =>
    sql<Row>`SELECT key, version, attempts FROM millrace.suspect
      WHERE stream = ${stream} AND handler = ${handler} AND partition = ${partition}`.pipe(
      Effect.map((rows) => rows.map(({ attempts, key, version }) => ({ key, version: Number(version), attempts }))),
      asStoreUnavailable("CrashLog.read")
    )

// A statement of its own: it has to stay when the attempt ends the process, and with it the transaction.
const note =
  (sql: SqlClient.SqlClient) =>
  ({ handler, partition, stream }: Claim, events: ReadonlyArray<{ readonly key: string; readonly version: number }>) =>
    sql`INSERT INTO millrace.suspect AS s (stream, handler, partition, key, version, attempts)
      SELECT ${stream}, ${handler}, ${partition}::int, x.key, x.version, 1
      FROM unnest(${events.map((e) => e.key)}::text[], ${bigints(events.map((e) => e.version))}::bigint[]) AS x(key, version)
      ORDER BY x.key, x.version
      ON CONFLICT (stream, handler, partition, key, version) DO UPDATE SET attempts = s.attempts + 1`.pipe(
      Effect.asVoid,
      asStoreUnavailable("CrashLog.note")
    )

const heard =
  (sql: SqlClient.SqlClient) =>
  ({ handler, partition, stream }: Claim, events: ReadonlyArray<{ readonly key: string; readonly version: number }>) =>
    sql`WITH these AS (
        SELECT * FROM unnest(${events.map((e) => e.key)}::text[], ${bigints(events.map((e) => e.version))}::bigint[]) AS x(key, version)
      ), gone AS (
        DELETE FROM millrace.suspect s USING these x WHERE s.stream = ${stream} AND s.handler = ${handler}
          AND s.partition = ${partition} AND s.key = x.key AND s.version = x.version AND s.attempts <= 1
      )
      UPDATE millrace.suspect s SET attempts = s.attempts - 1 FROM these x WHERE s.stream = ${stream}
        AND s.handler = ${handler} AND s.partition = ${partition} AND s.key = x.key AND s.version = x.version
        AND s.attempts > 1`.pipe(Effect.asVoid, asStoreUnavailable("CrashLog.heard"))

const clear =
  (sql: SqlClient.SqlClient) =>
  ({ handler, partition, stream }: Claim) =>
    sql`DELETE FROM millrace.suspect WHERE stream = ${stream} AND handler = ${handler} AND partition = ${partition}`.pipe(
      Effect.asVoid,
      asStoreUnavailable("CrashLog.clear")
    )

/** The crash log in Postgres. */
export const layer: Layer.Layer<CrashLog, never, SqlClient.SqlClient> = Layer.effect(
  CrashLog,
  Effect.map(SqlClient.SqlClient, (sql) =>
    CrashLog.of({ read: read(sql), note: note(sql), heard: heard(sql), clear: clear(sql) })
  )
)
