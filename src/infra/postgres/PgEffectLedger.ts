import { Duration, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { EffectLedger } from "../../pipeline/EffectLedger.ts"
import { asStoreUnavailable } from "./sqlFailure.ts"

/** Rows that one statement forgets, at most: far from the statement's time limit. */
const forgottenMax = 10_000

// What was there before is told from what is inserted by the snapshot: a select beside an insert sees the state before it.
const intend = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (stream: string, handler: string, keys: ReadonlyArray<string>) {
    const rows = yield* sql<{ readonly key: string; readonly confirmed: boolean }>`
      WITH asked AS (SELECT DISTINCT key FROM unnest(${keys}::text[]) AS x(key)), noted AS (
        INSERT INTO millrace.effect (stream, handler, idempotency_key)
        SELECT ${stream}, ${handler}, key FROM asked ORDER BY key ON CONFLICT DO NOTHING
      )
      SELECT e.idempotency_key AS key, e.confirmed_at IS NOT NULL AS confirmed FROM millrace.effect e
      JOIN asked a ON e.idempotency_key = a.key WHERE e.stream = ${stream} AND e.handler = ${handler}`
    const before = new Map(rows.map(({ confirmed, key }) => [key, confirmed ? "confirmed" : "intended"] as const))
    return keys.map((key) => before.get(key) ?? ("new" as const))
  }, asStoreUnavailable("EffectLedger.intend"))

const confirm = (sql: SqlClient.SqlClient) => (stream: string, handler: string, keys: ReadonlyArray<string>) =>
  sql`UPDATE millrace.effect SET confirmed_at = clock_timestamp()
    WHERE stream = ${stream} AND handler = ${handler} AND idempotency_key = ANY(${keys}::text[])`.pipe(
    Effect.asVoid,
    asStoreUnavailable("EffectLedger.confirm")
  )

const forget = (sql: SqlClient.SqlClient) => (stream: string, handler: string, olderThan: Duration.Duration) =>
  sql`DELETE FROM millrace.effect WHERE ctid = ANY(ARRAY(
      SELECT ctid FROM millrace.effect WHERE stream = ${stream} AND handler = ${handler}
        AND confirmed_at <= clock_timestamp() - make_interval(secs => ${Duration.toSeconds(olderThan)}::float8)
      LIMIT ${forgottenMax}::int)) RETURNING 1`.pipe(
    Effect.map((rows) => rows.length),
    asStoreUnavailable("EffectLedger.forget")
  )

/** The effect ledger in Postgres. */
export const layer: Layer.Layer<EffectLedger, never, SqlClient.SqlClient> = Layer.effect(
  EffectLedger,
  Effect.map(SqlClient.SqlClient, (sql) =>
    EffectLedger.of({ intend: intend(sql), confirm: confirm(sql), forget: forget(sql) })
  )
)
