import { Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import {
  type Actor,
  actsShownMax,
  atOnce,
  type Pace,
  ParkingDesk,
  type ParkedFilter,
  type ParkedName,
  type ParkedPlace
} from "../../pipeline/ParkingDesk.ts"
import type { ParkedKey, ParkedStatus, ParkingAct } from "../../pipeline/Parked.ts"
import { historyOf, type ParkedEventRow, storedOf } from "./PgParkingLot.ts"
import { asStoreUnavailable } from "./sqlFailure.ts"

interface ParkedKeyRow {
  readonly handler: string
  readonly key: string
  readonly partition: number
  readonly status: ParkedStatus
  readonly generation: number
  readonly attempts: number
  readonly due_at: Date | null
  readonly reason_tag: string
  readonly reason_message: string
  readonly reason_stack: string
  readonly history: string
  readonly parked_at: Date
  readonly events: bigint
  readonly version: bigint | null
  readonly type: string | null
  readonly traceparent: string | null
}

const parkedOf = (row: ParkedKeyRow): ParkedKey => ({
  handler: row.handler,
  key: row.key,
  partition: row.partition,
  status: row.status,
  generation: row.generation,
  attempts: row.attempts,
  dueAtMs: row.due_at?.getTime(),
  reason: { tag: row.reason_tag, message: row.reason_message, stack: row.reason_stack },
  history: historyOf(row.history),
  parkedAtMs: row.parked_at.getTime(),
  events: Number(row.events),
  first:
    row.version === null
      ? undefined
      : { version: Number(row.version), type: row.type ?? "", traceparent: row.traceparent ?? "" }
})

// A filter that is left out adds no clause, and narrows nothing.
const matches = (sql: SqlClient.SqlClient, stream: string, filter: ParkedFilter & { readonly name?: string }) => {
  const clauses = [
    sql`k.stream = ${stream}`,
    ...(filter.handler === undefined ? [] : [sql`k.handler = ${filter.handler}`]),
    ...(filter.key === undefined ? [] : [sql`(k.key = ${filter.key} OR k.of_key = ${filter.key})`]),
    ...(filter.name === undefined ? [] : [sql`k.key = ${filter.name}`]),
    ...(filter.tag === undefined ? [] : [sql`k.reason_tag = ${filter.tag}`]),
    ...(filter.status === undefined ? [] : [sql`k.status = ${filter.status}`]),
    ...(filter.olderThanMs === undefined
      ? []
      : [sql`k.parked_at <= clock_timestamp() - make_interval(secs => ${filter.olderThanMs / 1_000}::float8)`])
  ]
  return sql.and(clauses)
}

const list = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (
    stream: string,
    filter: Parameters<typeof matches>[2],
    keysMax: number,
    after?: ParkedPlace
  ) {
    const beyond =
      after === undefined
        ? sql`true`
        : sql`(k.parked_at, k.handler, k.key) > (to_timestamp(${after.parkedAtMs / 1_000}::float8), ${after.handler}, ${after.key})`
    const rows = yield* sql<ParkedKeyRow>`
      SELECT k.handler, k.key, k.partition, k.status, k.generation, k.attempts, k.due_at, k.reason_tag, k.reason_message,
        k.reason_stack, k.history::text AS history, k.parked_at, e.events, f.version, f.type, f.traceparent
      FROM (SELECT * FROM millrace.parked_key k WHERE ${matches(sql, stream, filter)} AND ${beyond}
        ORDER BY k.parked_at, k.handler, k.key LIMIT ${keysMax}::int) k
      LEFT JOIN LATERAL (SELECT count(*) AS events FROM millrace.parked_event e
        WHERE e.stream = k.stream AND e.handler = k.handler AND e.key = k.key) e ON true
      LEFT JOIN LATERAL (SELECT version, type, traceparent FROM millrace.parked_event e
        WHERE e.stream = k.stream AND e.handler = k.handler AND e.key = k.key ORDER BY version LIMIT 1) f ON true
      ORDER BY k.parked_at, k.handler, k.key`
    return rows.map(parkedOf)
  }, asStoreUnavailable("ParkingDesk.list"))

const count = (sql: SqlClient.SqlClient) => (stream: string, filter: ParkedFilter) =>
  sql<{
    readonly n: bigint
  }>`SELECT count(*) AS n FROM millrace.parked_key k WHERE ${matches(sql, stream, filter)}`.pipe(
    Effect.map(([row]) => Number(row?.n ?? 0)),
    asStoreUnavailable("ParkingDesk.count")
  )

const names = (sql: SqlClient.SqlClient) => (stream: string, filter: ParkedFilter, keysMax: number) =>
  sql<{ readonly handler: string; readonly key: string; readonly version: bigint }>`
    SELECT k.handler, k.key, f.version FROM millrace.parked_key k
    CROSS JOIN LATERAL (SELECT version FROM millrace.parked_event e
      WHERE e.stream = k.stream AND e.handler = k.handler AND e.key = k.key ORDER BY version LIMIT 1) f
    WHERE ${matches(sql, stream, filter)} ORDER BY k.parked_at, k.handler, k.key LIMIT ${keysMax}::bigint`.pipe(
    Effect.map((rows) => rows.map((row) => ({ ...row, version: Number(row.version) }))),
    asStoreUnavailable("ParkingDesk.names")
  )

interface ActRow {
  readonly act: ParkingAct["act"]
  readonly handler: string
  readonly key: string
  readonly version: bigint | null
  readonly actor: string
  readonly why: string
  readonly at: Date
  readonly before: string | null
  readonly after: string | null
}

const actOf = ({ act, actor, after, at, before, handler, key, version, why }: ActRow): ParkingAct => ({
  act,
  handler,
  key,
  version: version === null ? undefined : Number(version),
  actor,
  why,
  atMs: at.getTime(),
  before: before ?? undefined,
  after: after ?? undefined
})

/** An event's own columns: its key may be another than the name it is parked under. */
const ownColumns = (sql: SqlClient.SqlClient) =>
  sql`coalesce(of_key, key) AS key, version, event_id, type, traceparent, payload, seq, outbox_id, original`

const show = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (stream: string, { handler, key }: ParkedName, eventsMax: number) {
    const [parked] = yield* list(sql)(stream, { handler, name: key }, 1)
    if (parked === undefined) return Option.none()
    const rows = yield* sql<ParkedEventRow>`
      SELECT ${ownColumns(sql)} FROM millrace.parked_event
      WHERE stream = ${stream} AND handler = ${handler} AND key = ${key} ORDER BY version LIMIT ${eventsMax}::int`
    const acts = yield* sql<ActRow>`
      SELECT act, handler, key, version, actor, why, at, before, after FROM millrace.parking_act
      WHERE stream = ${stream} AND handler = ${handler} AND key = ${key} ORDER BY id DESC LIMIT ${actsShownMax}::int`
    const events = rows.map((row) => ({ event: storedOf(row), original: row.original ?? undefined }))
    return Option.some({ parked, events, acts: acts.map(actOf) })
  }, asStoreUnavailable("ParkingDesk.show"))

const event =
  (sql: SqlClient.SqlClient) =>
  (stream: string, { handler, key }: ParkedName, version: number) =>
    sql<ParkedEventRow>`
    SELECT ${ownColumns(sql)} FROM millrace.parked_event
    WHERE stream = ${stream} AND handler = ${handler} AND key = ${key} AND version = ${version}`.pipe(
      Effect.map(([row]) =>
        Option.map(Option.fromUndefinedOr(row), (one) => ({
          event: storedOf(one),
          original: one.original ?? undefined
        }))
      ),
      asStoreUnavailable("ParkingDesk.event")
    )

// Keys are locked in one sequence, so that two acts on many keys cannot deadlock.
const asked = (sql: SqlClient.SqlClient, stream: string, names: ReadonlyArray<ParkedName>) => sql`
  asked AS (
    SELECT * FROM unnest(${names.map((n) => n.handler)}::text[], ${names.map((n) => n.key)}::text[])
      WITH ORDINALITY AS x(handler, key, i)
  ), meant AS (
    SELECT k.stream, k.handler, k.key, a.i FROM millrace.parked_key k JOIN asked a USING (handler, key)
    WHERE k.stream = ${stream} ORDER BY k.handler, k.key FOR UPDATE OF k
  )`

const goOn = (sql: SqlClient.SqlClient, { afterMs, everyMs }: Pace, of: "meant" | "gone") => sql`
  going AS (
    UPDATE millrace.parked_key k SET status = 'retrying', generation = k.generation + 1, attempts = 0, history = '[]',
      due_at = clock_timestamp() + make_interval(secs => ${afterMs / 1_000}::float8 + (m.i - 1) * ${everyMs / 1_000}::float8)
    FROM meant m WHERE k.stream = m.stream AND k.handler = m.handler AND k.key = m.key
      AND (${of === "meant"}::boolean OR EXISTS (SELECT 1 FROM gone g WHERE g.handler = m.handler AND g.key = m.key))
    RETURNING k.handler, k.key, m.i
  )`

const answers = (names: ReadonlyArray<ParkedName>, rows: ReadonlyArray<{ readonly i: bigint }>) => {
  const done = new Set(rows.map(({ i }) => Number(i)))
  return names.map((_, i) => done.has(i + 1))
}

const replay = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (stream: string, names: ReadonlyArray<ParkedName>, pace: Pace, by: Actor) {
    const rows = yield* sql<{ readonly i: bigint }>`
      WITH ${asked(sql, stream, names)}, gone AS (SELECT handler, key FROM meant), ${goOn(sql, pace, "meant")}, noted AS (
        INSERT INTO millrace.parking_act (stream, handler, key, act, actor, why)
        SELECT ${stream}, handler, key, 'replay', ${by.actor}, ${by.why} FROM going
      ) SELECT i FROM going`
    return answers(names, rows)
  }, asStoreUnavailable("ParkingDesk.replay"))

/** Takes the first event of each key out, or all of them, and lets the key go on without. */
const takeOut = (sql: SqlClient.SqlClient, act: "skip" | "discard") =>
  Effect.fnUntraced(
    function* (stream: string, names: ReadonlyArray<ParkedName & { readonly version?: number }>, by: Actor) {
      const versions = names.map(({ version }) => BigInt(version ?? 0))
      const rows = yield* sql<{ readonly i: bigint }>`
      WITH ${asked(sql, stream, names)}, gone AS (
        DELETE FROM millrace.parked_event e USING meant m
        WHERE e.stream = m.stream AND e.handler = m.handler AND e.key = m.key AND (${act === "discard"}::boolean OR (
          e.version = (${versions}::bigint[])[m.i] AND e.version = (SELECT min(f.version) FROM millrace.parked_event f
            WHERE f.stream = m.stream AND f.handler = m.handler AND f.key = m.key)))
        RETURNING e.*
      ), ${goOn(sql, atOnce, "gone")}, kept AS (
        INSERT INTO millrace.discarded_event (stream, handler, key, of_key, version, event_id, type, traceparent, payload, seq,
          outbox_id, parked_at, original)
        SELECT stream, handler, key, of_key, version, event_id, type, traceparent, payload, seq, outbox_id, parked_at, original
        FROM gone
      ), noted AS (
        INSERT INTO millrace.parking_act (stream, handler, key, version, act, actor, why, before)
        SELECT stream, handler, key, version, ${act}, ${by.actor}, ${by.why}, payload FROM gone ORDER BY handler, key, version
      ) SELECT i FROM going`
      return answers(names, rows)
    },
    asStoreUnavailable(`ParkingDesk.${act}`)
  )

const edit = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (stream: string, name: ParkedName, version: number, payload: string, by: Actor) {
    const rows = yield* sql`
      WITH ${asked(sql, stream, [name])}, before AS (
        SELECT e.stream, e.handler, e.key, e.version, e.payload FROM millrace.parked_event e JOIN meant m
          ON e.stream = m.stream AND e.handler = m.handler AND e.key = m.key
        WHERE e.version = ${version}
      ), raised AS (
        UPDATE millrace.parked_key k SET generation = k.generation + 1 FROM before b
        WHERE k.stream = b.stream AND k.handler = b.handler AND k.key = b.key
      ), edited AS (
        UPDATE millrace.parked_event e SET payload = ${payload}, original = coalesce(e.original, e.payload) FROM before b
        WHERE e.stream = b.stream AND e.handler = b.handler AND e.key = b.key AND e.version = b.version
      ), noted AS (
        INSERT INTO millrace.parking_act (stream, handler, key, version, act, actor, why, before, after)
        SELECT stream, handler, key, version, 'edit', ${by.actor}, ${by.why}, payload, ${payload} FROM before
      ) SELECT 1 FROM before`
    return rows.length > 0
  }, asStoreUnavailable("ParkingDesk.edit"))

/** The parking desk in Postgres: every act is one statement. */
export const layer: Layer.Layer<ParkingDesk, never, SqlClient.SqlClient> = Layer.effect(
  ParkingDesk,
  Effect.map(SqlClient.SqlClient, (sql) =>
    ParkingDesk.of({
      list: list(sql),
      count: count(sql),
      names: names(sql),
      show: show(sql),
      event: event(sql),
      replay: replay(sql),
      skip: takeOut(sql, "skip"),
      discard: takeOut(sql, "discard"),
      edit: edit(sql)
    })
  )
)
