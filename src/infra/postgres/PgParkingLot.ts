import { Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { StoredEvent } from "../../pipeline/Envelope.ts"
import type { Claim } from "../../pipeline/Ownership.ts"
import {
  type AsideDone,
  type AsideFailure,
  type AsideKey,
  type KeyPlace,
  ParkingLot
} from "../../pipeline/ParkingLot.ts"
import { attemptsKeptMax, type FailedAttempt } from "../../pipeline/Parked.ts"
import { KeyChanged, LeaseLost, TransactionIdle } from "../../pipeline/PipelineError.ts"
import { storable, storableJson, wholeMs } from "./parkEvents.ts"
import { inTransaction } from "./PgTransactor.ts"
import { asStoreUnavailable, isIdleEnd } from "./sqlFailure.ts"

/** A row of `millrace.parked_event`. */
export interface ParkedEventRow {
  /** Of the event; what it is parked under may be another name. */
  readonly key: string
  readonly version: bigint
  readonly event_id: string
  readonly type: string
  readonly traceparent: string
  readonly payload: string
  readonly seq: bigint
  readonly outbox_id: bigint
  readonly original: string | null
}

/** The event of a row. */
export const storedOf = (row: ParkedEventRow): StoredEvent => ({
  eventId: row.event_id,
  key: row.key,
  version: Number(row.version),
  type: row.type,
  traceparent: row.traceparent,
  payload: row.payload,
  seq: Number(row.seq),
  outboxId: Number(row.outbox_id)
})

/** The newest failed attempts as they are kept in a row. */
const History = Schema.fromJsonString(
  Schema.Array(
    Schema.Struct({
      attempt: Schema.Int,
      atMs: Schema.Finite,
      tag: Schema.String,
      message: Schema.String,
      instance: Schema.String
    })
  )
)

const decodeHistory = Schema.decodeOption(History)

/** What is in a row was written by `parkEvents` or below; should it be anything else, the history is the least of it. */
export const historyOf = (text: string): ReadonlyArray<FailedAttempt> =>
  Option.getOrElse(decodeHistory(text), (): ReadonlyArray<FailedAttempt> => [])

const due =
  (sql: SqlClient.SqlClient) =>
  (stream: string, places: ReadonlyArray<{ readonly handler: string; readonly partition: number }>, keysMax: number) =>
    sql<KeyPlace>`
      SELECT x.handler, x.partition, k.key
      FROM unnest(${places.map((p) => p.handler)}::text[], ${places.map((p) => p.partition)}::int[]) AS x(handler, partition)
      CROSS JOIN LATERAL (
        SELECT key FROM millrace.parked_key k
        WHERE k.stream = ${stream} AND k.handler = x.handler AND k.partition = x.partition
          AND k.status = 'retrying' AND k.due_at <= clock_timestamp()
        ORDER BY k.due_at LIMIT ${keysMax}::int
      ) k`.pipe(asStoreUnavailable("ParkingLot.due"))

const count = (sql: SqlClient.SqlClient) => (stream: string) =>
  sql<{ readonly handler: string; readonly events: bigint; readonly most: bigint }>`
    SELECT handler, sum(n)::bigint AS events, max(n) AS most FROM (
      SELECT handler, key, count(*) AS n FROM millrace.parked_event WHERE stream = ${stream} GROUP BY handler, key
    ) AS k GROUP BY handler`.pipe(
    Effect.map((rows) =>
      rows.map(({ events, handler, most }) => ({
        handler,
        events: Number(events),
        eventsOfOneKey: Number(most)
      }))
    ),
    asStoreUnavailable("ParkingLot.count")
  )

const next = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* ({ handler, stream }: Claim, key: string, eventsMax: number) {
    const rows = yield* sql<
      { readonly generation: number; readonly attempts: number; readonly history: string } & {
        readonly [Column in keyof ParkedEventRow]: ParkedEventRow[Column] | null
      }
    >`
      SELECT k.generation, k.attempts, k.history::text AS history, e.* FROM millrace.parked_key k
      LEFT JOIN LATERAL (
        SELECT coalesce(of_key, key) AS key, version, event_id, type, traceparent, payload, seq, outbox_id, original
        FROM millrace.parked_event e
        WHERE e.stream = k.stream AND e.handler = k.handler AND e.key = k.key ORDER BY e.version LIMIT ${eventsMax}::int
      ) e ON true
      WHERE k.stream = ${stream} AND k.handler = ${handler} AND k.key = ${key} AND k.status = 'retrying'
      ORDER BY e.version`
    const [first] = rows
    if (first === undefined) return Option.none()
    const { attempts, generation } = first
    const events = rows.flatMap((row) => (isWhole(row) ? [storedOf(row)] : []))
    return Option.some({ attempts, generation, history: historyOf(first.history), events })
  }, asStoreUnavailable("ParkingLot.next"))

// A left join gives all columns of the event, or none.
const isWhole = (row: {
  readonly [Column in keyof ParkedEventRow]: ParkedEventRow[Column] | null
}): row is ParkedEventRow => row.version !== null

/** The lease as it has to be. Locked, so that nobody opens the partition anew before the commit. */
const heldBy = (sql: SqlClient.SqlClient, { epoch, handler, opening, partition, stream }: Claim) =>
  sql`SELECT 1 FROM millrace.lease WHERE stream = ${stream} AND handler = ${handler} AND partition = ${partition}
    AND epoch = ${epoch} AND opening = ${opening} FOR UPDATE`

interface Answer {
  readonly held: bigint
  readonly done: bigint
}

/** Who owns the partition no longer is told from a key that somebody acted on. */
const unlessDone = (claim: Claim, { key }: AsideKey, row: Answer | undefined) => {
  if (row === undefined || Number(row.held) === 0) return lost(claim)
  return Number(row.done) === 1 ? Effect.void : Effect.fail(new KeyChanged({ handler: claim.handler, key }))
}

const begin = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (claim: Claim, of: AsideKey) {
    const { handler, stream } = claim
    const [row] = yield* sql<Answer>`
      WITH held AS (${heldBy(sql, claim)}), begun AS (
        UPDATE millrace.parked_key SET attempts = attempts + 1 FROM held WHERE stream = ${stream} AND handler = ${handler}
          AND key = ${of.key} AND generation = ${of.generation} AND status = 'retrying' RETURNING 1
      ) SELECT (SELECT count(*) FROM held) AS held, (SELECT count(*) FROM begun) AS done`
    return yield* unlessDone(claim, of, row)
  }, asStoreUnavailable("ParkingLot.begin"))

const withdraw = (sql: SqlClient.SqlClient) => (claim: Claim, of: AsideKey) =>
  sql`
    WITH held AS (${heldBy(sql, claim)})
    UPDATE millrace.parked_key SET attempts = greatest(attempts - 1, 0) FROM held WHERE stream = ${claim.stream}
      AND handler = ${claim.handler} AND key = ${of.key} AND generation = ${of.generation} AND status = 'retrying'`.pipe(
    Effect.asVoid,
    asStoreUnavailable("ParkingLot.withdraw")
  )

const failed = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (claim: Claim, of: AsideKey, failure: AsideFailure) {
    const { handler, stream } = claim
    const { tag, message } = failure.failed
    const wait = failure.retryInMs === undefined ? [] : [wholeMs(failure.retryInMs)]
    const [row] = yield* sql<Answer>`
      WITH held AS (${heldBy(sql, claim)}), wait AS (SELECT (${wait}::int[])[1] AS ms), noted AS (
        UPDATE millrace.parked_key SET status = CASE WHEN wait.ms IS NULL THEN 'parked' ELSE 'retrying' END,
          due_at = clock_timestamp() + make_interval(secs => wait.ms / 1000.0), reason_tag = ${storable(tag)},
          reason_message = ${storable(message)}, reason_stack = ${storable(failure.stack)},
          history = (SELECT coalesce(jsonb_agg(one ORDER BY i), '[]') FROM (
            SELECT one, i FROM jsonb_array_elements(history || ${storableJson([failure.failed])}::jsonb) WITH ORDINALITY AS h(one, i)
            ORDER BY i DESC LIMIT ${attemptsKeptMax}::int) AS newest)
        FROM held, wait WHERE stream = ${stream} AND handler = ${handler} AND key = ${of.key}
          AND generation = ${of.generation} AND status = 'retrying' RETURNING 1
      ) SELECT (SELECT count(*) FROM held) AS held, (SELECT count(*) FROM noted) AS done`
    return yield* unlessDone(claim, of, row)
  }, asStoreUnavailable("ParkingLot.failed"))

// The sub-select that looks for events behind sees the state before the statement: the one that goes is left out of it.
const takeAway = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (claim: Claim, of: AsideDone) {
    const { generation, key, last, version } = of
    const { handler, stream } = claim
    const done = version === undefined ? [] : [BigInt(version)]
    const [row] = yield* sql<Answer>`
      WITH held AS (${heldBy(sql, claim)}), aside AS (
        SELECT 1 FROM millrace.parked_key, held WHERE stream = ${stream} AND handler = ${handler} AND key = ${key}
          AND generation = ${generation} AND status = 'retrying' FOR UPDATE OF parked_key
      ), behind AS (
        SELECT 1 FROM millrace.parked_event
        WHERE stream = ${stream} AND handler = ${handler} AND key = ${key} AND version <> ALL(${done}::bigint[]) LIMIT 1
      ), taken AS (
        DELETE FROM millrace.parked_event USING aside
        WHERE stream = ${stream} AND handler = ${handler} AND key = ${key} AND version = ANY(${done}::bigint[]) RETURNING 1
      ), kept AS (
        UPDATE millrace.parked_key SET attempts = 0, history = '[]' FROM aside
        WHERE NOT ${last}::boolean AND stream = ${stream} AND handler = ${handler} AND key = ${key} RETURNING 1
      ), returned AS (
        DELETE FROM millrace.parked_key USING aside
        WHERE ${last}::boolean AND NOT EXISTS (SELECT 1 FROM behind) AND stream = ${stream} AND handler = ${handler} AND key = ${key}
        RETURNING 1
      ), unparked AS (
        UPDATE millrace.progress SET parked = false FROM returned
        WHERE stream = ${stream} AND handler = ${handler} AND key = ${key}
      )
      SELECT (SELECT count(*) FROM held) AS held, CASE WHEN (SELECT count(*) FROM taken) = ${BigInt(done.length)}::bigint
        THEN (SELECT count(*) FROM kept) + (SELECT count(*) FROM returned) ELSE 0 END AS done`
    return yield* unlessDone(claim, of, row)
  }, asStoreUnavailable("ParkingLot.settle"))

/**
 * The parking lot in Postgres.
 *
 * Guarantees: as `Inbox`'s commit, the fence is in the last statement of the transaction; it does not look at the cursor.
 */
export const layer: Layer.Layer<ParkingLot, never, SqlClient.SqlClient> = Layer.effect(
  ParkingLot,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    return ParkingLot.of({
      due: due(sql),
      count: count(sql),
      next: next(sql),
      begin: begin(sql),
      withdraw: withdraw(sql),
      failed: failed(sql),
      settle: (claim, done, effects) =>
        Effect.catchIf(
          inTransaction(sql, "ParkingLot.settle", Effect.andThen(effects, takeAway(sql)(claim, done))),
          isIdleEnd,
          () => Effect.fail(new TransactionIdle({ handler: claim.handler }))
        )
    })
  })
)

const lost = ({ epoch, handler, partition }: Claim) =>
  Effect.fail(new LeaseLost({ lease: `${handler}/${partition}`, epoch }))
