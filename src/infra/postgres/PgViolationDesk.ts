import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { Actor } from "../../pipeline/ParkingDesk.ts"
import {
  acknowledgedText,
  type RecordedViolation,
  ViolationDesk,
  type ViolationFilter,
  type ViolationName
} from "../../pipeline/ViolationDesk.ts"
import { inTransaction } from "./PgTransactor.ts"
import { asStoreUnavailable } from "./sqlFailure.ts"

interface ViolationRow {
  readonly id: number
  readonly handler: string
  readonly key: string
  readonly handled_version: number
  readonly version: number
  readonly seen_ms: number
  readonly parked: number
  readonly actor: string | null
  readonly why: string | null
  readonly acknowledged_ms: number | null
}

const violationOf = (row: ViolationRow): RecordedViolation => ({
  id: row.id,
  handler: row.handler,
  key: row.key,
  handledVersion: row.handled_version,
  version: row.version,
  seenAtMs: Math.round(row.seen_ms),
  parkedEvents: row.parked,
  acknowledged:
    row.acknowledged_ms === null
      ? undefined
      : { actor: row.actor ?? "", why: row.why ?? "", atMs: Math.round(row.acknowledged_ms) }
})

const meant = (sql: SqlClient.SqlClient, stream: string, { handler, isOpen, key }: ViolationFilter) =>
  sql.and([
    sql`v.stream = ${stream}`,
    ...(handler === undefined ? [] : [sql`v.handler = ${handler}`]),
    ...(key === undefined ? [] : [sql`v.key = ${key}`]),
    ...(isOpen === true ? [sql`v.acknowledged_at IS NULL`] : [])
  ])

// A balanced handler puts events aside under names of their own; the key they are of is beside it.
const list = (sql: SqlClient.SqlClient) => (stream: string, filter: ViolationFilter, limit: number) =>
  sql<ViolationRow>`
    SELECT v.id::float8, v.handler, v.key, v.handled_version::float8, v.version::float8,
      (extract(epoch FROM v.seen_at) * 1000)::float8 AS seen_ms,
      (SELECT count(*)::int FROM millrace.parked_event e WHERE e.stream = v.stream AND e.handler = v.handler
        AND (e.key = v.key OR e.of_key = v.key)) AS parked,
      v.acknowledged_by AS actor, v.acknowledged_why AS why, (extract(epoch FROM v.acknowledged_at) * 1000)::float8 AS acknowledged_ms
    FROM millrace.order_violation v WHERE ${meant(sql, stream, filter)} ORDER BY v.id DESC LIMIT ${limit}::int`.pipe(
    Effect.map((rows) => rows.map(violationOf)),
    asStoreUnavailable("ViolationDesk.list")
  )

const count = (sql: SqlClient.SqlClient) => (stream: string, filter: ViolationFilter) =>
  sql<{ readonly n: number }>`
    SELECT count(*)::int AS n FROM millrace.order_violation v WHERE ${meant(sql, stream, filter)}`.pipe(
    Effect.map(([row]) => row?.n ?? 0),
    asStoreUnavailable("ViolationDesk.count")
  )

const acknowledge =
  (sql: SqlClient.SqlClient) =>
  (stream: string, { handler, key, upToId }: ViolationName, { actor, why }: Actor) =>
    inTransaction(
      sql,
      "ViolationDesk.acknowledge",
      Effect.gen(function* () {
        const done = yield* sql`
          UPDATE millrace.order_violation v SET acknowledged_at = clock_timestamp(), acknowledged_by = ${actor}, acknowledged_why = ${why}
          WHERE ${meant(sql, stream, { handler, key, isOpen: true })} AND v.id <= ${upToId ?? Number.MAX_SAFE_INTEGER}::bigint
          RETURNING v.id`
        if (done.length === 0) return 0
        yield* sql`
          INSERT INTO millrace.operation (stream, act, actor, why, handler, key, detail)
          VALUES (${stream}, 'acknowledge', ${actor}, ${why}, ${handler}, ${key}, ${acknowledgedText(done.length)})`
        return done.length
      })
    ).pipe(asStoreUnavailable("ViolationDesk.acknowledge"))

/** Order violations in Postgres. */
export const layer: Layer.Layer<ViolationDesk, never, SqlClient.SqlClient> = Layer.effect(
  ViolationDesk,
  Effect.map(SqlClient.SqlClient, (sql) =>
    ViolationDesk.of({ list: list(sql), count: count(sql), acknowledge: acknowledge(sql) })
  )
)
