import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { StoredEvent } from "../../pipeline/Envelope.ts"
import { type Advance, EventLedger, type LedgerCommit } from "../../pipeline/EventLedger.ts"
import type { Claim } from "../../pipeline/Ownership.ts"
import { EventTaken, TransactionIdle } from "../../pipeline/PipelineError.ts"
import { bigints } from "./parameters.ts"
import { parkEvents } from "./parkEvents.ts"
import { inTransaction } from "./PgTransactor.ts"
import { asStoreUnavailable, isIdleEnd } from "./sqlFailure.ts"

/** Entries that one statement sums up, at most: far from the statement's time limit. */
const summedMax = 10_000

const start = (sql: SqlClient.SqlClient) => (stream: string, handler: string) =>
  sql<{ readonly rewinds: bigint; readonly floor: bigint | null }>`
    SELECT rewinds, (SELECT min(cursor) FROM millrace.lease WHERE stream = ${stream} AND handler = ${handler}) AS floor
    FROM millrace.relay WHERE stream = ${stream}`.pipe(
    Effect.map(([row]) => ({ generation: Number(row?.rewinds ?? 0), afterSeq: Number(row?.floor ?? 0) })),
    asStoreUnavailable("EventLedger.start")
  )

const isDone = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (stream: string, handler: string, events: ReadonlyArray<StoredEvent>) {
    const rows = yield* sql<{ readonly i: bigint }>`
      SELECT a.i FROM unnest(${events.map((e) => e.key)}::text[], ${bigints(events.map((e) => e.version))}::bigint[])
        WITH ORDINALITY AS a(key, version, i)
      WHERE EXISTS (SELECT 1 FROM millrace.progress p
          WHERE p.stream = ${stream} AND p.handler = ${handler} AND p.key = a.key AND p.version >= a.version)
        OR EXISTS (SELECT 1 FROM millrace.handled h
          WHERE h.stream = ${stream} AND h.handler = ${handler} AND h.key = a.key AND h.version = a.version)`
    const done = new Set(rows.map(({ i }) => Number(i)))
    return events.map((_, i) => done.has(i + 1))
  }, asStoreUnavailable("EventLedger.isDone"))

interface Place {
  readonly key: string
  readonly version: bigint
}

/** Enters what nobody has entered. Sorted, so that two commits of the same events cannot deadlock. */
const enter = (sql: SqlClient.SqlClient, { done, handler, stream }: LedgerCommit) =>
  sql<Place>`
    INSERT INTO millrace.handled (stream, handler, key, version, partition, rewinds, seq)
    SELECT ${stream}, ${handler}, x.* FROM unnest(${done.map((d) => d.stored.key)}::text[],
      ${bigints(done.map((d) => d.stored.version))}::bigint[], ${done.map((d) => d.partition)}::int[],
      ${bigints(done.map((d) => d.generation))}::bigint[], ${bigints(done.map((d) => d.stored.seq))}::bigint[])
      AS x(key, version, partition, rewinds, seq)
    ORDER BY x.key, x.version ON CONFLICT DO NOTHING RETURNING key, version`

// A statement of its own, behind the one that enters: what was summed up while that one waited is seen only by the next.
const summedUp = (sql: SqlClient.SqlClient, { done, handler, stream }: LedgerCommit) =>
  sql<Place>`
    SELECT x.key, x.version FROM unnest(${done.map((d) => d.stored.key)}::text[],
      ${bigints(done.map((d) => d.stored.version))}::bigint[]) AS x(key, version)
    JOIN millrace.progress p ON p.key = x.key AND p.version >= x.version
    WHERE p.stream = ${stream} AND p.handler = ${handler}`

const park = (sql: SqlClient.SqlClient, { done, handler, parked, stream }: LedgerCommit) => {
  const partitions = new Map(done.map(({ partition, stored }) => [stored.key, partition]))
  return parkEvents(sql)({ stream, handler, partitionOf: ({ key }) => partitions.get(key) ?? 0 }, parked)
}

const enterAll = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (commit: LedgerCommit) {
    const entered = yield* enter(sql, commit)
    const summed = yield* summedUp(sql, commit)
    if (entered.length < commit.done.length || summed.length > 0)
      return yield* new EventTaken({ handler: commit.handler })
    yield* park(sql, commit)
  }, asStoreUnavailable("EventLedger.commit"))

const commit =
  (sql: SqlClient.SqlClient): EventLedger["Service"]["commit"] =>
  (one, effects) =>
    inTransaction(sql, "EventLedger.commit", Effect.andThen(effects, enterAll(sql)(one))).pipe(
      Effect.catchIf(isIdleEnd, () => Effect.fail(new TransactionIdle({ handler: one.handler }))),
      Effect.withSpan("EventLedger.commit", { attributes: { handler: one.handler, events: one.done.length } })
    )

const placeOf = ({ key, version }: { readonly key: string; readonly version: number | bigint }) => `${version} ${key}`

const record = (sql: SqlClient.SqlClient) => {
  const recordParked = Effect.fnUntraced(function* (one: LedgerCommit) {
    const entered = new Set((yield* enter(sql, one)).map(placeOf))
    for (const place of yield* summedUp(sql, one)) entered.delete(placeOf(place))
    yield* park(sql, { ...one, parked: one.parked.filter(({ event }) => entered.has(placeOf(event))) })
  }, asStoreUnavailable("EventLedger.record"))
  return (one: LedgerCommit) =>
    // What is entered twice, before and behind the floor, is summed up twice, which changes nothing.
    one.parked.length === 0
      ? enter(sql, one).pipe(Effect.asVoid, asStoreUnavailable("EventLedger.record"))
      : inTransaction(sql, "EventLedger.record", recordParked(one))
}

// Locked in the sequence in which commits and beats lock leases. A rewind that is under way is waited for: its opening
// is another one.
const moveFloor = (sql: SqlClient.SqlClient, { afterSeq, claims, generation }: Advance, { handler, stream }: Claim) =>
  sql<{ readonly partition: number }>`
    WITH held AS (
      SELECT l.partition FROM millrace.lease l JOIN unnest(${claims.map((c) => c.partition)}::int[],
        ${bigints(claims.map((c) => c.epoch))}::bigint[], ${bigints(claims.map((c) => c.opening))}::bigint[])
        AS x(partition, epoch, opening) ON l.partition = x.partition AND l.epoch = x.epoch AND l.opening = x.opening
      JOIN millrace.relay r ON r.stream = l.stream AND r.rewinds = ${generation}
      WHERE l.stream = ${stream} AND l.handler = ${handler} ORDER BY l.partition FOR UPDATE OF l
    )
    UPDATE millrace.lease l SET cursor = greatest(l.cursor, ${afterSeq}) FROM held
    WHERE l.stream = ${stream} AND l.handler = ${handler} AND l.partition = held.partition RETURNING l.partition`

interface GapRow {
  readonly summed: bigint
  readonly key: string | null
  readonly handled_version: bigint
  readonly version: bigint
}

// Sequences are in the order of versions, so all that a key has behind the floor is handled up to the last of them.
// Entries of before a rewind have sequences of then: they are taken along, and never the reason.
const sumUp = (
  sql: SqlClient.SqlClient,
  { afterSeq, generation, isWhole }: Advance,
  { epoch, handler, stream }: Claim,
  partitions: ReadonlyArray<number>
) => sql<GapRow>`
    WITH ripe AS (
      SELECT key, version, seq FROM millrace.handled WHERE stream = ${stream} AND handler = ${handler}
        AND partition = ANY(${partitions}::int[]) AND seq <= ${afterSeq} AND rewinds = ${generation}
      ORDER BY seq LIMIT ${summedMax}::int
    ), tops AS (
      SELECT t.key, t.top, t.seq, coalesce(p.version, 0) AS base
      FROM (SELECT key, max(version) AS top, max(seq) AS seq FROM ripe GROUP BY key) t
      LEFT JOIN millrace.progress p ON p.stream = ${stream} AND p.handler = ${handler} AND p.key = t.key
    ), gone AS (
      DELETE FROM millrace.handled h USING tops t
      WHERE h.stream = ${stream} AND h.handler = ${handler} AND h.key = t.key AND h.version <= t.top RETURNING h.key, h.version
    ), moved AS (
      INSERT INTO millrace.progress AS p (stream, handler, key, version)
      SELECT ${stream}, ${handler}, key, top FROM tops ORDER BY key
      ON CONFLICT (stream, handler, key) DO UPDATE SET version = greatest(p.version, excluded.version)
    ), gaps AS (
      SELECT t.key, t.base, min(g.version) AS version, max(t.seq) AS seq FROM tops t
      JOIN gone g ON g.key = t.key AND g.version > t.base
      WHERE t.base > 0 OR (${isWhole}::boolean AND NOT (SELECT remade FROM millrace.relay WHERE stream = ${stream}))
      GROUP BY t.key, t.base, t.top HAVING count(*) < t.top - t.base
    ), noted AS (
      INSERT INTO millrace.order_violation (stream, handler, key, handled_version, version, seq, epoch)
      SELECT ${stream}, ${handler}, key, base, version, seq, ${epoch} FROM gaps ORDER BY key
    )
    SELECT s.summed, g.key, g.base AS handled_version, g.version
    FROM (SELECT count(*) AS summed FROM ripe) s LEFT JOIN gaps g ON true`

const advance = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (to: Advance) {
    const [claim] = to.claims
    if (claim === undefined) return []
    const held = yield* moveFloor(sql, to, claim)
    const partitions = held.map(({ partition }) => partition)
    const gaps: Array<GapRow> = []
    for (let summed = partitions.length === 0 ? 0 : summedMax; summed === summedMax;) {
      const rows = yield* sumUp(sql, to, claim, partitions)
      gaps.push(...rows)
      summed = Number(rows[0]?.summed ?? 0)
    }
    return gaps.flatMap(({ handled_version, key, version }) =>
      key === null ? [] : [{ key, handledVersion: Number(handled_version), version: Number(version) }]
    )
  }, asStoreUnavailable("EventLedger.advance"))

/** The event ledger in Postgres: a row per event ahead of the floor, and one per key behind it. */
export const layer: Layer.Layer<EventLedger, never, SqlClient.SqlClient> = Layer.effect(
  EventLedger,
  Effect.map(SqlClient.SqlClient, (sql) =>
    EventLedger.of({
      start: start(sql),
      isDone: isDone(sql),
      commit: commit(sql),
      record: record(sql),
      advance: (to) => inTransaction(sql, "EventLedger.advance", advance(sql)(to))
    })
  )
)
