import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { Control } from "../../pipeline/Control.ts"
import {
  changed,
  type ControlChange,
  ControlDesk,
  type ControlEntry,
  type ControlTarget,
  detailOf,
  type Operation,
  type Wish,
  wishDetail
} from "../../pipeline/ControlDesk.ts"
import type { Actor } from "../../pipeline/ParkingDesk.ts"
import { inTransaction } from "./PgTransactor.ts"
import { asStoreUnavailable } from "./sqlFailure.ts"

/** A row of `millrace.control`, in which '' and -1 stand for all. */
export interface ControlRow {
  readonly handler: string
  readonly partition: number
  readonly instance: string
  readonly paused: boolean
  readonly per_second: number | null
  readonly draining: boolean
}

/** The control of a row. */
export const controlOf = (row: ControlRow): Control => ({
  handler: row.handler === "" ? undefined : row.handler,
  partition: row.partition === -1 ? undefined : row.partition,
  instance: row.instance === "" ? undefined : row.instance,
  paused: row.paused,
  perSecond: row.per_second ?? undefined,
  draining: row.draining
})

/** A row with who wrote it. */
export interface ControlEntryRow extends ControlRow {
  readonly actor: string
  readonly why: string
  readonly at_ms: number
}

/** The entry of a row. */
export const entryOf = (row: ControlEntryRow): ControlEntry => ({
  ...controlOf(row),
  actor: row.actor,
  why: row.why,
  atMs: Math.round(row.at_ms)
})

interface OperationRow {
  readonly act: string
  readonly actor: string
  readonly why: string
  readonly handler: string | null
  readonly key: string | null
  readonly partition: number | null
  readonly instance: string | null
  readonly detail: string
  readonly at_ms: number
}

const operationOf = (row: OperationRow): Operation => ({
  act: row.act,
  actor: row.actor,
  why: row.why,
  handler: row.handler ?? undefined,
  key: row.key ?? undefined,
  partition: row.partition ?? undefined,
  instance: row.instance ?? undefined,
  detail: row.detail,
  atMs: Math.round(row.at_ms)
})

// Any constant will do as long as it stays the same; with the stream's hash it is a lock of its own.
const controlLock = 7_119_338

// Two changes at once take turns, and what is read is what is changed: there are few, and seldom.
const change =
  (sql: SqlClient.SqlClient) => (stream: string, act: string, target: ControlTarget, to: ControlChange, by: Actor) =>
    inTransaction(
      sql,
      "ControlDesk.change",
      Effect.gen(function* () {
        yield* sql`SELECT pg_advisory_xact_lock(${controlLock}, hashtext(${stream}))`
        const before = yield* entries(sql, stream)
        const [{ now_ms: nowMs } = { now_ms: 0 }] = yield* sql<{ readonly now_ms: number }>`
        SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now_ms`
        const after = changed(before, target, to, { ...by, atMs: nowMs })
        yield* sql`DELETE FROM millrace.control WHERE stream = ${stream}`
        yield* sql`
        INSERT INTO millrace.control (stream, handler, partition, instance, paused, per_second, draining, actor, why, at)
        SELECT ${stream}, x.handler, x.partition, x.instance, x.paused, x.per_second, x.draining, x.actor, x.why, to_timestamp(x.at_ms / 1000)
        FROM jsonb_to_recordset(${JSON.stringify(after.map(rowOf))}::jsonb) AS x(handler text, partition int, instance text,
          paused boolean, per_second float8, draining boolean, actor text, why text, at_ms float8)`
        const { handler, instance, partition } = target
        yield* sql`
        INSERT INTO millrace.operation (stream, act, actor, why, handler, partition, instance, detail)
        VALUES (${stream}, ${act}, ${by.actor}, ${by.why}, ${handler ?? null}, ${partition ?? null}::int, ${instance ?? null}, ${detailOf(to)})`
        return after !== before
      })
    ).pipe(asStoreUnavailable("ControlDesk.change"))

const rowOf = (entry: ControlEntry): ControlEntryRow => ({
  handler: entry.handler ?? "",
  partition: entry.partition ?? -1,
  instance: entry.instance ?? "",
  paused: entry.paused,
  per_second: entry.perSecond ?? null,
  draining: entry.draining,
  actor: entry.actor,
  why: entry.why,
  at_ms: entry.atMs
})

const entries = (sql: SqlClient.SqlClient, stream: string) =>
  Effect.map(
    sql<ControlEntryRow>`
      SELECT handler, partition, instance, paused, per_second, draining, actor, why, (extract(epoch FROM at) * 1000)::float8 AS at_ms
      FROM millrace.control WHERE stream = ${stream} ORDER BY handler, partition, instance`,
    (rows) => rows.map(entryOf)
  )

const repartition = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (stream: string, partitions: number, { actor, why }: Actor) {
    const older = yield* sql<{ readonly id: string }>`
      SELECT id FROM millrace.instance WHERE stream = ${stream} AND expires_at > clock_timestamp() AND NOT can_repartition ORDER BY id`
    if (older.length > 0) return { _tag: "older", instances: older.map(({ id }) => id) } satisfies Wish
    const [known] = yield* sql<{ readonly now: number }>`
      WITH before AS (
        SELECT coalesce(wanted, abs(partitions)) AS now FROM millrace.relay
        WHERE stream = ${stream} AND partitions IS NOT NULL FOR UPDATE
      ), wish AS (
        UPDATE millrace.relay SET wanted = nullif(${partitions}::int, abs(partitions))
        WHERE stream = ${stream} AND EXISTS (SELECT 1 FROM before)
      ), said AS (
        INSERT INTO millrace.operation (stream, act, actor, why, detail)
        SELECT ${stream}, 'repartition', ${actor}, ${why}, ${wishDetail(partitions)} FROM before
      )
      SELECT now FROM before`
    if (known === undefined) return { _tag: "undeclared" } satisfies Wish
    return { _tag: known.now === partitions ? "unchanged" : "wanted" } satisfies Wish
  }, asStoreUnavailable("ControlDesk.repartition"))

// What is done to parked keys is kept with them.
const operations = (sql: SqlClient.SqlClient) => (stream: string, limit: number) =>
  sql<OperationRow>`
    SELECT act, actor, why, handler, key, partition, instance, detail, (extract(epoch FROM at) * 1000)::float8 AS at_ms FROM (
      (SELECT act, actor, why, handler, key, partition, instance, detail, at FROM millrace.operation
        WHERE stream = ${stream} ORDER BY id DESC LIMIT ${limit}::int)
      UNION ALL
      (SELECT act, actor, why, handler, key, NULL, NULL, coalesce('version ' || version, ''), at FROM millrace.parking_act
        WHERE stream = ${stream} ORDER BY id DESC LIMIT ${limit}::int)
    ) AS o ORDER BY at DESC LIMIT ${limit}::int`.pipe(
    Effect.map((rows) => rows.map(operationOf)),
    asStoreUnavailable("ControlDesk.operations")
  )

/** The operator's controls in Postgres. */
export const layer: Layer.Layer<ControlDesk, never, SqlClient.SqlClient> = Layer.effect(
  ControlDesk,
  Effect.map(SqlClient.SqlClient, (sql) =>
    ControlDesk.of({
      change: change(sql),
      list: (stream) => entries(sql, stream).pipe(asStoreUnavailable("ControlDesk.list")),
      repartition: repartition(sql),
      operations: operations(sql)
    })
  )
)
