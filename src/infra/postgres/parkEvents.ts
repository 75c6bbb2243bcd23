import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { StoredEvent } from "../../pipeline/Envelope.ts"
import { parkedAs, type ParkedEvent, type ParkReason } from "../../pipeline/Parked.ts"
import { bigints, nullables } from "./parameters.ts"

/** Evidence must be storable whatever it holds: Postgres text has no NUL. Ours never has one; a foreign message may. */
export const storable = (text: string) => text.toWellFormed().replaceAll("\0", "\uFFFD")

/** The same for JSON, in which a NUL would be an escape that Postgres refuses. */
export const storableJson = (value: unknown) =>
  JSON.stringify(value, (_, inner: unknown) => (typeof inner === "string" ? storable(inner) : inner))

/** As many milliseconds as an int holds: 24 days, after which it is looked again. */
export const wholeMs = (ms: number) => Math.min(2_147_483_647, Math.ceil(ms))

/** Whose events are put aside. */
export interface Parker {
  readonly stream: string
  readonly handler: string
  readonly partitionOf: (event: StoredEvent) => number
}

/** Puts events aside, in the transaction of the commit that passes them by. */
export const parkEvents = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (parker: Parker, parked: ReadonlyArray<ParkedEvent>) {
    if (parked.length === 0) return
    const { handler, stream } = parker
    const events = parked.map((one) => one.event)
    yield* sql`
    INSERT INTO millrace.parked_event (stream, handler, key, of_key, version, event_id, type, traceparent, payload, seq, outbox_id)
    SELECT ${stream}, ${handler}, x.key, nullif(x.of_key, x.key), x.version, x.event_id, x.type, x.traceparent, x.payload, x.seq,
      x.outbox_id FROM unnest(${parked.map(parkedAs)}::text[],
      ${events.map((e) => e.key)}::text[], ${bigints(events.map((e) => e.version))}::bigint[], ${events.map((e) => e.eventId)}::uuid[],
      ${events.map((e) => storable(e.type))}::text[], ${events.map((e) => e.traceparent)}::text[],
      ${events.map((e) => storable(e.payload))}::text[], ${bigints(events.map((e) => e.seq))}::bigint[],
      ${bigints(events.map((e) => e.outboxId))}::bigint[])
      AS x(key, of_key, version, event_id, type, traceparent, payload, seq, outbox_id)`
    yield* parkKeys(sql)(parker, withReason(parked))
  })

interface Reasoned {
  readonly key: string
  readonly event: StoredEvent
  readonly reason: ParkReason
}

const withReason = (parked: ReadonlyArray<ParkedEvent>): ReadonlyArray<Reasoned> =>
  parked.flatMap((one) =>
    one.reason === undefined ? [] : [{ key: parkedAs(one), event: one.event, reason: one.reason }]
  )

// An event behind a parked one may have a reason of its own, such as not being readable: the key is parked already.
const parkKeys = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* ({ handler, partitionOf, stream }: Parker, reasoned: ReadonlyArray<Reasoned>) {
    if (reasoned.length === 0) return
    const reasons = reasoned.map((one) => one.reason)
    yield* sql`
    INSERT INTO millrace.parked_key (stream, handler, partition, key, of_key, status, attempts, due_at, reason_tag,
      reason_message, reason_stack, history)
    SELECT ${stream}, ${handler}, x.partition, x.key, nullif(x.of_key, x.key),
      CASE WHEN x.wait_ms IS NULL THEN 'parked' ELSE 'retrying' END, x.attempts,
      clock_timestamp() + make_interval(secs => x.wait_ms / 1000.0), x.tag, x.message, x.stack, x.history::jsonb
    FROM unnest(${reasoned.map((one) => partitionOf(one.event))}::int[], ${reasoned.map((one) => one.key)}::text[],
      ${reasoned.map((one) => one.event.key)}::text[], ${reasons.map((r) => r.attempts)}::int[],
      ${reasons.map((r) => storable(r.tag))}::text[], ${reasons.map((r) => storable(r.message))}::text[],
      ${reasons.map((r) => storable(r.stack))}::text[], ${reasons.map((r) => storableJson(r.history))}::text[],
      ${nullables(reasons.map((r) => (r.retryInMs === undefined ? null : wholeMs(r.retryInMs))))}::int[])
      WITH ORDINALITY AS x(partition, key, of_key, attempts, tag, message, stack, history, wait_ms, i)
    ORDER BY x.i ON CONFLICT (stream, handler, key) DO NOTHING`
  })
