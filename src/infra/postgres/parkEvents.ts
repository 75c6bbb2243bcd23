import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { InboxCommit } from "../../pipeline/Inbox.ts"
import type { ParkReason } from "../../pipeline/Parked.ts"
import { bigints, nullables } from "./parameters.ts"

/** Evidence must be storable whatever it holds: Postgres text has no NUL. Ours never has one; a foreign message may. */
export const storable = (text: string) => text.toWellFormed().replaceAll("\0", "\uFFFD")

/** The same for JSON, in which a NUL would be an escape that Postgres refuses. */
export const storableJson = (value: unknown) =>
  JSON.stringify(value, (_, inner: unknown) => (typeof inner === "string" ? storable(inner) : inner))

/** As many milliseconds as an int holds: 24 days, after which it is looked again. */
export const wholeMs = (ms: number) => Math.min(2_147_483_647, Math.ceil(ms))

/** Puts events aside, in the transaction of the commit that passes them by. */
export const parkEvents = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* ({ claim, parked }: InboxCommit) {
    if (parked.length === 0) return
    const events = parked.map((one) => one.event)
    yield* sql`
    INSERT INTO millrace.parked_event (stream, handler, key, version, event_id, type, traceparent, payload, seq, outbox_id)
    SELECT ${claim.stream}, ${claim.handler}, x.* FROM unnest(
      ${events.map((e) => e.key)}::text[], ${bigints(events.map((e) => e.version))}::bigint[], ${events.map((e) => e.eventId)}::uuid[],
      ${events.map((e) => storable(e.type))}::text[], ${events.map((e) => e.traceparent)}::text[],
      ${events.map((e) => storable(e.payload))}::text[], ${bigints(events.map((e) => e.seq))}::bigint[],
      ${bigints(events.map((e) => e.outboxId))}::bigint[]) AS x`
    yield* parkKeys(sql)(claim, withReason(parked))
  })

interface Reasoned {
  readonly key: string
  readonly reason: ParkReason
}

const withReason = (parked: InboxCommit["parked"]): ReadonlyArray<Reasoned> =>
  parked.flatMap(({ event, reason }) => (reason === undefined ? [] : [{ key: event.key, reason }]))

// An event behind a parked one may have a reason of its own, such as not being readable: the key is parked already.
const parkKeys = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (claim: InboxCommit["claim"], reasoned: ReadonlyArray<Reasoned>) {
    if (reasoned.length === 0) return
    const reasons = reasoned.map((one) => one.reason)
    yield* sql`
    INSERT INTO millrace.parked_key (stream, handler, partition, key, status, attempts, due_at, reason_tag, reason_message,
      reason_stack, history)
    SELECT ${claim.stream}, ${claim.handler}, ${claim.partition}::int, x.key,
      CASE WHEN x.wait_ms IS NULL THEN 'parked' ELSE 'retrying' END, x.attempts,
      clock_timestamp() + make_interval(secs => x.wait_ms / 1000.0), x.tag, x.message, x.stack, x.history::jsonb
    FROM unnest(${reasoned.map((one) => one.key)}::text[], ${reasons.map((r) => r.attempts)}::int[],
      ${reasons.map((r) => storable(r.tag))}::text[], ${reasons.map((r) => storable(r.message))}::text[],
      ${reasons.map((r) => storable(r.stack))}::text[], ${reasons.map((r) => storableJson(r.history))}::text[],
      ${nullables(reasons.map((r) => (r.retryInMs === undefined ? null : wholeMs(r.retryInMs))))}::int[])
      WITH ORDINALITY AS x(key, attempts, tag, message, stack, history, wait_ms, i)
    ORDER BY x.i ON CONFLICT (stream, handler, key) DO NOTHING`
  })
