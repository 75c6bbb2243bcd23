import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { StoredEvent } from "../../pipeline/Envelope.ts"
import {
  type Advance,
  type Advanced,
  EventLedger,
  type LedgerCommit,
  type LedgerGap,
  noGeneration
} from "../../pipeline/EventLedger.ts"
import { gapsOf, type KeyTop, topsOf } from "../../pipeline/LedgerSum.ts"
import type { Claim } from "../../pipeline/Ownership.ts"
import { EventTaken, type StoreUnavailable, TransactionIdle } from "../../pipeline/PipelineError.ts"
import { whenTraced } from "../../pipeline/Trace.ts"
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
  Effect.fnUntraced(function* (
    stream: string,
    handler: string,
    events: ReadonlyArray<Pick<StoredEvent, "key" | "version">>
  ) {
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
    INSERT INTO millrace.handled (stream, handler, key, version, rewinds, seq)
    SELECT ${stream}, ${handler}, x.* FROM unnest(${done.map((d) => d.stored.key)}::text[],
      ${bigints(done.map((d) => d.stored.version))}::bigint[], ${bigints(done.map((d) => d.generation))}::bigint[],
      ${bigints(done.map((d) => d.stored.seq))}::bigint[]) AS x(key, version, rewinds, seq)
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
  Effect.fnUntraced(function* (plan: () => LedgerCommit) {
    const commit = plan()
    yield* Effect.annotateCurrentSpan("events", commit.done.length)
    const entered = yield* enter(sql, commit)
    const summed = yield* summedUp(sql, commit)
    if (entered.length < commit.done.length || summed.length > 0)
      return yield* new EventTaken({ handler: commit.handler })
    yield* park(sql, commit)
  }, asStoreUnavailable("EventLedger.commit"))

const commit =
  (sql: SqlClient.SqlClient): EventLedger["Service"]["commit"] =>
  (handler, plan, effects) =>
    inTransaction(sql, "EventLedger.commit", Effect.andThen(effects, enterAll(sql)(plan))).pipe(
      Effect.catchIf(isIdleEnd, () => Effect.fail(new TransactionIdle({ handler }))),
      (commit) => whenTraced(commit, "EventLedger.commit", () => ({ attributes: { handler } }))
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

// Locked in the sequence in which commits enter them. By columns first: joined alone, a plan that was made for any list, or
// on a new table, goes through one of the two once for every row of the other.
const doubt =
  (sql: SqlClient.SqlClient) =>
  (stream: string, handler: string, events: ReadonlyArray<Pick<StoredEvent, "key" | "version">>) => {
    const [keys, versions] = [events.map((e) => e.key), bigints(events.map((e) => e.version))]
    return sql`
    WITH doubted AS (
      SELECT ctid AS at FROM millrace.handled WHERE stream = ${stream} AND handler = ${handler} AND rewinds <> ${noGeneration}
        AND key = ANY(${keys}::text[]) AND version = ANY(${versions}::bigint[])
        AND (key, version) IN (SELECT * FROM unnest(${keys}::text[], ${versions}::bigint[]))
      ORDER BY key, version FOR UPDATE
    )
    UPDATE millrace.handled h SET rewinds = ${noGeneration} FROM doubted WHERE h.ctid = doubted.at`.pipe(
      Effect.asVoid,
      asStoreUnavailable("EventLedger.doubt")
    )
  }

interface FloorRow {
  readonly held: bigint
  readonly moved: bigint
  readonly floor: bigint | null
}

// Leases are locked in the sequence in which commits and beats lock them, and let go at once. A rewind that is under way is
// waited for: its opening is another one.
const moveFloor = (sql: SqlClient.SqlClient, { afterSeq, claim, firstSeq, generation, isProven }: Advance) => {
  const { epoch, handler, opening, partition, stream } = claim
  return sql<FloorRow>`
    WITH locked AS (
      SELECT l.partition, l.epoch, l.opening, l.cursor FROM millrace.lease l
      WHERE l.stream = ${stream} AND l.handler = ${handler} ORDER BY l.partition FOR UPDATE
    ), held AS (
      SELECT greatest(k.cursor, ${firstSeq - 1}) AS floor FROM locked k JOIN millrace.relay r ON r.stream = ${stream}
      WHERE k.partition = ${partition} AND k.epoch = ${epoch} AND k.opening = ${opening} AND r.rewinds = ${generation}
    ), proven AS (
      SELECT 1 FROM held WHERE ${isProven}::boolean OR ${afterSeq} - held.floor <= (
        SELECT count(*) FROM millrace.handled h WHERE h.stream = ${stream} AND h.handler = ${handler}
          AND h.rewinds = ${generation} AND h.seq > held.floor AND h.seq <= ${afterSeq})
    ), moved AS (
      UPDATE millrace.lease l SET cursor = greatest(l.cursor, ${afterSeq}) FROM locked, proven
      WHERE l.stream = ${stream} AND l.handler = ${handler} AND l.partition = locked.partition RETURNING 1
    )
    SELECT (SELECT count(*) FROM held) AS held, (SELECT count(*) FROM moved) AS moved, (SELECT floor FROM held) AS floor`
}

// One at a time for each handler, or two would each miss the entries that the other takes. The lock goes with the
// transaction, so that poolers and dead sessions cannot keep it.
const isAlone = (sql: SqlClient.SqlClient, { handler, stream }: Claim) =>
  sql<{ readonly alone: boolean }>`
    SELECT pg_try_advisory_xact_lock(hashtextextended(${`${stream} ${handler}`}, ${ledgerLock})) AS alone`.pipe(
    Effect.map(([row]) => row?.alone === true)
  )

// Any constant will do as long as it stays the same; it is the library's own.
const ledgerLock = 7_119_338n

const ripeEntries = (sql: SqlClient.SqlClient, { afterSeq, claim: { handler, stream }, generation }: Advance) =>
  sql<Place & { readonly seq: bigint }>`
    SELECT key, version, seq FROM millrace.handled WHERE stream = ${stream} AND handler = ${handler}
      AND rewinds = ${generation} AND seq <= ${afterSeq} ORDER BY seq LIMIT ${summedMax}::int`.pipe(
    Effect.map((rows) => rows.map(({ key, seq, version }) => ({ key, version: Number(version), seq: Number(seq) })))
  )

// Entries of before a rewind have sequences of then: they are taken along, and never the reason.
const takeEntries = (sql: SqlClient.SqlClient, { handler, stream }: Claim, tops: ReadonlyArray<KeyTop>) =>
  sql<Place>`
    DELETE FROM millrace.handled h USING unnest(${tops.map((top) => top.key)}::text[],
      ${bigints(tops.map((top) => top.version))}::bigint[]) AS t(key, top)
    WHERE h.stream = ${stream} AND h.handler = ${handler} AND h.key = t.key AND h.version <= t.top RETURNING h.key, h.version`.pipe(
    Effect.map((rows) => rows.map(({ key, version }) => ({ key, version: Number(version) })))
  )

const versionsBefore = (sql: SqlClient.SqlClient, { handler, stream }: Claim, tops: ReadonlyArray<KeyTop>) =>
  sql<Place>`
    SELECT key, version FROM millrace.progress WHERE stream = ${stream} AND handler = ${handler}
      AND key = ANY(${tops.map((top) => top.key)}::text[])`.pipe(
    Effect.map((rows) => new Map(rows.map(({ key, version }) => [key, Number(version)])))
  )

const raiseVersions = (sql: SqlClient.SqlClient, { handler, stream }: Claim, tops: ReadonlyArray<KeyTop>) =>
  sql`
    INSERT INTO millrace.progress AS p (stream, handler, key, version)
    SELECT ${stream}, ${handler}, x.* FROM unnest(${tops.map((top) => top.key)}::text[],
      ${bigints(tops.map((top) => top.version))}::bigint[]) AS x(key, version) ORDER BY x.key
    ON CONFLICT (stream, handler, key) DO UPDATE SET version = greatest(p.version, excluded.version)`

const keepEvidence = (sql: SqlClient.SqlClient, claim: Claim, gaps: ReadonlyArray<LedgerGap>, afterSeq: number) =>
  Effect.forEach(
    gaps,
    ({ handledVersion, key, version }) => sql`
      INSERT INTO millrace.order_violation (stream, handler, key, handled_version, version, seq, epoch)
      VALUES (${claim.stream}, ${claim.handler}, ${key}, ${handledVersion}, ${version}, ${afterSeq}, ${claim.epoch})`,
    { discard: true }
  )

/** Some entries behind the floor become one version per key. Undefined: there are no more, or somebody else is at it. */
const sumUpSome = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (to: Advance) {
    const { afterSeq, claim, firstSeq } = to
    if (!(yield* isAlone(sql, claim))) return undefined
    const ripe = yield* ripeEntries(sql, to)
    if (ripe.length === 0) return undefined
    const tops = topsOf(ripe)
    const before = yield* versionsBefore(sql, claim, tops)
    const gone = yield* takeEntries(sql, claim, tops)
    yield* raiseVersions(sql, claim, tops)
    const [row] = yield* sql<{
      readonly remade: boolean
    }>`SELECT remade FROM millrace.relay WHERE stream = ${claim.stream}`
    const gaps = gapsOf(tops, gone, before, firstSeq <= 1 && row?.remade === false)
    yield* keepEvidence(sql, claim, gaps, afterSeq)
    return gaps
  }, asStoreUnavailable("EventLedger.sumUp"))

const advance = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (to: Advance): Effect.fn.Return<Advanced, StoreUnavailable> {
    const [row] = yield* asStoreUnavailable("EventLedger.advance")(moveFloor(sql, to))
    if (row === undefined || row.held === 0n) return { _tag: "refused" }
    if (row.moved === 0n) return { _tag: "unproven", afterSeq: Number(row.floor ?? 0) }
    const gaps: Array<LedgerGap> = []
    // Each in a transaction of its own, and none with a lease locked: nobody waits for it.
    for (let some: ReadonlyArray<LedgerGap> | undefined = []; some !== undefined;) {
      gaps.push(...some)
      some = yield* inTransaction(sql, "EventLedger.sumUp", sumUpSome(sql)(to))
    }
    return { _tag: "moved", gaps }
  })

/** The event ledger in Postgres: a row per event ahead of the floor, and one per key behind it. */
export const layer: Layer.Layer<EventLedger, never, SqlClient.SqlClient> = Layer.effect(
  EventLedger,
  Effect.map(SqlClient.SqlClient, (sql) =>
    EventLedger.of({
      start: start(sql),
      isDone: isDone(sql),
      commit: commit(sql),
      record: record(sql),
      doubt: doubt(sql),
      advance: advance(sql)
    })
  )
)
