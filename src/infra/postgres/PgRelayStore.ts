import { Duration, Effect, Layer } from "effect"
import type { SqlError } from "effect/sql"
import type { OutboxRow } from "../../pipeline/Envelope.ts"
import { LeaseLost } from "../../pipeline/PipelineError.ts"
import type { Topology } from "../../pipeline/Partition.ts"
import { type RelayLease, type RelayPosition, RelayStore, type RowRef } from "../../pipeline/RelayStore.ts"
import { bigints } from "./parameters.ts"
import { leaseExpiry, PgControl } from "./PgControl.ts"
import { adopt, settle } from "./PgRepartition.ts"
import { asLeaseStatement, asStoreUnavailable } from "./sqlFailure.ts"

interface Row {
  readonly id: bigint
  readonly event_id: string
  readonly key: string
  readonly version: bigint
  readonly slot: number
  readonly type: string
  readonly traceparent: string
  readonly payload: string | null
}

interface RenewedRow {
  readonly last_seq: bigint
  readonly stream_created: string
  readonly waiting: boolean
  readonly first: number
  readonly partitions: number | null
  readonly unmeasured: ReadonlyArray<Topology>
  readonly wanted: number | null
  readonly unsettled: boolean
}

const position = (sql: PgControl["Service"]) =>
  Effect.fnUntraced(function* (stream: string) {
    const [row] = yield* sql<{ readonly last_seq: bigint; readonly stream_created: string }>`
      SELECT last_seq, stream_created FROM millrace.relay WHERE stream = ${stream}`
    return { lastSeq: Number(row?.last_seq ?? 0), streamCreated: row?.stream_created ?? "" }
  }, asStoreUnavailable("RelayStore.position"))

const leader = (sql: PgControl["Service"]) => (stream: string) =>
  sql<{ readonly owner: string }>`
    SELECT owner FROM millrace.relay WHERE stream = ${stream} AND expires_at >= clock_timestamp() AND owner IS NOT NULL`.pipe(
    Effect.map(([row]) => row?.owner),
    asStoreUnavailable("RelayStore.leader")
  )

const acquire = (sql: PgControl["Service"]) =>
  Effect.fnUntraced(function* (stream: string, owner: string) {
    yield* sql`INSERT INTO millrace.relay (stream) VALUES (${stream}) ON CONFLICT DO NOTHING`
    const [row] = yield* sql<{ readonly epoch: bigint }>`
    UPDATE millrace.relay SET owner = ${owner}, epoch = epoch + 1, expires_at = ${leaseExpiry(sql)}
    WHERE stream = ${stream} AND expires_at < clock_timestamp() RETURNING epoch`
    return row === undefined ? undefined : { stream, epoch: Number(row.epoch) }
  }, asLeaseStatement("RelayStore.acquire"))

const renew = (sql: PgControl["Service"]) =>
  Effect.fnUntraced(function* ({ epoch, stream }: RelayLease) {
    const [row] = yield* sql<RenewedRow>`
    UPDATE millrace.relay r SET expires_at = ${leaseExpiry(sql)} WHERE stream = ${stream} AND epoch = ${epoch}
    RETURNING last_seq, stream_created, EXISTS (SELECT 1 FROM millrace.outbox o WHERE o.stream = ${stream}) AS waiting,
      first, partitions, nullif(wanted, partitions) AS wanted,
      (SELECT coalesce(json_agg(json_build_object('first', t.first, 'partitions', t.partitions) ORDER BY t.first), '[]')
        FROM millrace.topology t WHERE t.stream = ${stream} AND t.ends IS NULL) AS unmeasured, first > 0 AND (
        EXISTS (SELECT 1 FROM millrace.lease l WHERE l.stream = ${stream} AND l.partition < r.first)
        OR EXISTS (SELECT 1 FROM millrace.parked_key k WHERE k.stream = ${stream} AND k.status = 'retrying' AND k.partition < r.first)
      ) AS unsettled`
    if (row === undefined) return yield* lost({ epoch, stream })
    const { first, partitions, unmeasured, unsettled, waiting, wanted } = row
    return {
      position: { lastSeq: Number(row.last_seq), streamCreated: row.stream_created },
      waiting,
      topology: partitions === null ? undefined : { first, partitions },
      unmeasured,
      wanted: wanted ?? undefined,
      unsettled
    }
  }, asLeaseStatement("RelayStore.renew"))

// Those under way are left out here and not in the statement: the planner compared each row with each of them. They are
// the lowest rows, so only what was committed late lies between them, and their payloads need not come again.
const read = (sql: PgControl["Service"]) =>
  Effect.fnUntraced(function* (stream: string, limit: number, underWay: ReadonlyArray<number>) {
    const known = new Set(underWay)
    const upTo = underWay.reduce((most, id) => Math.max(most, id), 0)
    const rows = yield* sql<Row>`
    SELECT id, event_id, key, version, slot, type, traceparent, CASE WHEN id > ${BigInt(upTo)}::bigint THEN payload END AS payload
    FROM millrace.outbox o
    WHERE stream = ${stream}
      AND NOT EXISTS (SELECT 1 FROM millrace.held_key h WHERE h.stream = o.stream AND h.key = o.key AND o.id >= h.from_id)
    ORDER BY id LIMIT ${limit + underWay.length}`
    const wanted = rows.filter(({ id }) => !known.has(Number(id))).slice(0, limit)
    const late = wanted.filter(({ payload }) => payload === null).map(({ id }) => id)
    const payloads = late.length === 0 ? none : yield* payloadsOf(sql, stream, late)
    return wanted.flatMap((row): ReadonlyArray<OutboxRow> => {
      const payload = row.payload ?? payloads.get(row.id)
      return payload === undefined ? [] : [rowOf(row, payload)]
    })
  }, asStoreUnavailable("RelayStore.read"))

const none: ReadonlyMap<bigint, string> = new Map()

const rowOf = (row: Row, payload: string): OutboxRow => ({
  id: Number(row.id),
  eventId: row.event_id,
  key: row.key,
  version: Number(row.version),
  slot: row.slot,
  type: row.type,
  traceparent: row.traceparent,
  payload
})

/** Rows stay as they are until the relay takes them away; one that is gone was taken by another relay, and left out. */
const payloadsOf = Effect.fnUntraced(function* (
  sql: PgControl["Service"],
  stream: string,
  ids: ReadonlyArray<bigint>
): Effect.fn.Return<ReadonlyMap<bigint, string>, SqlError.SqlError> {
  const rows = yield* sql<{ readonly id: bigint; readonly payload: string }>`
    SELECT id, payload FROM millrace.outbox WHERE stream = ${stream} AND id = ANY(${ids}::bigint[])`
  return new Map(rows.map(({ id, payload }) => [id, payload]))
})

// Each row is looked up by its id, whatever the planner thinks of the table: after an ANALYZE of an empty outbox it would
// compare every waiting row with every one of these. Ids ascend, so a row's place among them is found by halving.
const acknowledge = (sql: PgControl["Service"]) =>
  Effect.fnUntraced(function* (
    lease: RelayLease,
    from: RelayPosition,
    to: RelayPosition,
    refs: ReadonlyArray<RowRef>,
    keep: boolean
  ) {
    const { epoch, stream } = lease
    const rows = refs.toSorted((a, b) => a.outboxId - b.outboxId)
    const ids = sql`${bigints(rows.map((r) => r.outboxId))}::bigint[]`
    const [row] = yield* sql<{ readonly mine: bigint; readonly gone: bigint }>`
    WITH mine AS (
      UPDATE millrace.relay SET last_seq = ${to.lastSeq}, stream_created = ${to.streamCreated}, expires_at = ${leaseExpiry(sql)}
      WHERE stream = ${stream} AND epoch = ${epoch} AND last_seq = ${from.lastSeq} AND stream_created = ${from.streamCreated} RETURNING 1
    ), gone AS (
      DELETE FROM millrace.outbox o
      WHERE EXISTS (SELECT 1 FROM mine) AND o.ctid = ANY(ARRAY(
        SELECT (SELECT i.ctid FROM millrace.outbox i WHERE i.stream = ${stream} AND i.id = x.id AND i.event_id = x.event_id)
        FROM unnest(${ids}, ${rows.map((r) => r.eventId)}::uuid[]) AS x(id, event_id)))
      RETURNING o.*, (${bigints(rows.map((r) => r.seq))}::bigint[])[width_bucket(o.id, ${ids})] AS seq
    ), kept AS (
      INSERT INTO millrace.published (stream, id, event_id, key, version, slot, type, traceparent, payload, appended_at, seq)
      SELECT stream, id, event_id, key, version, slot, type, traceparent, payload, appended_at, seq FROM gone
      WHERE ${keep}::boolean
      ON CONFLICT DO NOTHING
    )
    SELECT (SELECT count(*) FROM mine) AS mine, (SELECT count(*) FROM gone) AS gone`
    if (row === undefined || row.mine === 0n) return yield* lost(lease)
    return Number(row.gone)
  }, asStoreUnavailable("RelayStore.acknowledge"))

/** Kept rows that one statement moves, at most: far from the statement's time limit. */
const keptRowsMax = 5_000

/** Puts the newest kept rows above a sequence back, some at a time. A row keeps its id, and with it its place in its key. */
const putBack = (sql: PgControl["Service"]) =>
  Effect.fnUntraced(function* (lease: RelayLease, from: RelayPosition, to: RelayPosition) {
    const { epoch, stream } = lease
    const [row] = yield* sql<{ readonly mine: bigint; readonly back: bigint }>`
    WITH mine AS (
      UPDATE millrace.relay SET expires_at = ${leaseExpiry(sql)}
      WHERE stream = ${stream} AND epoch = ${epoch} AND last_seq = ${from.lastSeq} AND stream_created = ${from.streamCreated} RETURNING 1
    ), newest AS (
      SELECT id FROM millrace.published WHERE stream = ${stream} AND seq > ${to.lastSeq} ORDER BY seq DESC LIMIT ${keptRowsMax}
    ), back AS (
      DELETE FROM millrace.published p USING newest
      WHERE p.stream = ${stream} AND p.id = newest.id AND EXISTS (SELECT 1 FROM mine) RETURNING p.*
    ), put AS (
      INSERT INTO millrace.outbox (stream, id, event_id, key, version, slot, type, traceparent, payload, appended_at, again)
      OVERRIDING SYSTEM VALUE
      SELECT stream, id, event_id, key, version, slot, type, traceparent, payload, appended_at, true FROM back
      ON CONFLICT DO NOTHING
    )
    SELECT (SELECT count(*) FROM mine) AS mine, (SELECT count(*) FROM back) AS back`
    if (row === undefined || row.mine === 0n) return yield* lost(lease)
    return Number(row.back)
  })

// Every handler's cursor goes back before the relay may publish under the lost sequences again; one transaction, its
// leases locked in the sequence in which commits and beats lock them. What workers have in hand may be of the lost
// sequences, so none of it may be committed any more.
const turnBack = (sql: PgControl["Service"]) =>
  Effect.fnUntraced(function* (lease: RelayLease, from: RelayPosition, to: RelayPosition) {
    const { epoch, stream } = lease
    const anew = from.streamCreated !== "" && from.streamCreated !== to.streamCreated
    const rows = yield* sql`
    UPDATE millrace.relay SET last_seq = ${to.lastSeq}, stream_created = ${to.streamCreated}, remade = remade OR ${anew}::boolean,
      rewinds = rewinds + 1, expires_at = ${leaseExpiry(sql)}
    WHERE stream = ${stream} AND epoch = ${epoch} AND last_seq = ${from.lastSeq} AND stream_created = ${from.streamCreated} RETURNING 1`
    if (rows.length === 0) return yield* lost(lease)
    yield* sql`
      WITH locked AS (
        SELECT handler, partition FROM millrace.lease WHERE stream = ${stream} ORDER BY handler, partition FOR UPDATE
      )
      UPDATE millrace.lease l SET cursor = least(l.cursor, ${to.lastSeq}), opening = l.opening + 1 FROM locked
      WHERE l.stream = ${stream} AND l.handler = locked.handler AND l.partition = locked.partition`
    yield* sql`
      UPDATE millrace.topology SET ends = NULL
      WHERE stream = ${stream} AND ${to.lastSeq} < (SELECT max(e) FROM unnest(ends) AS e)`
  }, sql.withTransaction)

// Rows first: until the cursors and the position follow, every leader finds the stream too short, and goes on with it.
const rewind = (sql: PgControl["Service"]) =>
  Effect.fnUntraced(function* (lease: RelayLease, from: RelayPosition, to: RelayPosition) {
    let back = 0
    for (let moved = keptRowsMax; moved === keptRowsMax; back += moved) moved = yield* putBack(sql)(lease, from, to)
    yield* turnBack(sql)(lease, from, to)
    return back
  }, asStoreUnavailable("RelayStore.rewind"))

const furthestCursor = (sql: PgControl["Service"]) => (stream: string) =>
  sql<{ readonly furthest: bigint }>`
    SELECT greatest((SELECT max(cursor) FROM millrace.lease WHERE stream = ${stream}), (SELECT max(f.seq) FROM (
        SELECT DISTINCT handler FROM millrace.lease WHERE stream = ${stream} AND delivery = 'balanced') b
      CROSS JOIN LATERAL (SELECT h.seq FROM millrace.handled h JOIN millrace.relay r ON r.stream = h.stream
        WHERE h.stream = ${stream} AND h.handler = b.handler AND h.rewinds = r.rewinds ORDER BY h.seq DESC LIMIT 1) f), 0)
      AS furthest`.pipe(
    Effect.map(([row]) => Number(row?.furthest ?? 0)),
    asStoreUnavailable("RelayStore.furthestCursor")
  )

/** Rows that one `forget` deletes, at most: once a second, more than a relay publishes in one. */
const forgottenRowsMax = 25_000

const forget = (sql: PgControl["Service"]) => (lease: RelayLease, olderThan: Duration.Duration) =>
  sql`
    DELETE FROM millrace.published p USING (
      SELECT k.id FROM millrace.published k JOIN millrace.relay r ON r.stream = k.stream
      WHERE k.stream = ${lease.stream} AND r.epoch = ${lease.epoch} AND k.seq <= r.last_seq
        AND k.published_at <= clock_timestamp() - make_interval(secs => ${Duration.toSeconds(olderThan)})
      ORDER BY k.seq LIMIT ${forgottenRowsMax}
    ) old WHERE p.stream = ${lease.stream} AND p.id = old.id RETURNING 1`.pipe(
    Effect.map((rows) => rows.length),
    asStoreUnavailable("RelayStore.forget")
  )

const hold = (sql: PgControl["Service"]) => (stream: string, row: OutboxRow, reason: string) =>
  sql`
    INSERT INTO millrace.held_key AS h (stream, key, from_id, reason) VALUES (${stream}, ${row.key}, ${row.id}, ${reason})
    ON CONFLICT (stream, key) DO UPDATE SET from_id = least(h.from_id, excluded.from_id)`.pipe(
    Effect.asVoid,
    asStoreUnavailable("RelayStore.hold")
  )

const release =
  (sql: PgControl["Service"]) =>
  ({ epoch, stream }: RelayLease) =>
    sql`UPDATE millrace.relay SET owner = NULL, expires_at = '-infinity' WHERE stream = ${stream} AND epoch = ${epoch}`.pipe(
      Effect.asVoid,
      asLeaseStatement("RelayStore.release")
    )

/** The relay's state in Postgres. Guarantees as the port's; every write is fenced by the epoch in its own statement. */
export const layer: Layer.Layer<RelayStore, never, PgControl> = Layer.effect(
  RelayStore,
  Effect.gen(function* () {
    const sql = yield* PgControl

    return RelayStore.of({
      position: position(sql),
      leader: leader(sql),
      acquire: acquire(sql),
      renew: renew(sql),
      read: read(sql),
      acknowledge: acknowledge(sql),
      rewind: rewind(sql),
      adopt: adopt(sql),
      settle: settle(sql),
      furthestCursor: furthestCursor(sql),
      forget: forget(sql),
      hold: hold(sql),
      release: release(sql)
    })
  })
)

const lost = ({ epoch, stream }: RelayLease) => Effect.fail(new LeaseLost({ lease: `relay of ${stream}`, epoch }))
