import { Effect } from "effect"
import { type EndedTopology, partitionOf, slotOf, type Topology } from "../../pipeline/Partition.ts"
import { LeaseLost } from "../../pipeline/PipelineError.ts"
import type { RelayLease } from "../../pipeline/RelayStore.ts"
import { bigints } from "./parameters.ts"
import { leaseExpiry, type PgControl } from "./PgControl.ts"
import { asStoreUnavailable } from "./sqlFailure.ts"

type Sql = PgControl["Service"]

/** The relay's row under this epoch, or nothing may be written. */
const fence = Effect.fnUntraced(function* (sql: Sql, { epoch, stream }: RelayLease) {
  const [row] = yield* sql<Topology>`
    UPDATE millrace.relay SET expires_at = ${leaseExpiry(sql)} WHERE stream = ${stream} AND epoch = ${epoch}
    RETURNING first, partitions`
  return row ?? (yield* new LeaseLost({ lease: `relay of ${stream}`, epoch }))
})

/** `RelayStore.adopt`. */
export const adopt = (sql: Sql) => {
  const inOne = Effect.fnUntraced(function* (lease: RelayLease, ended: ReadonlyArray<EndedTopology>, next: Topology) {
    const { stream } = lease
    yield* fence(sql, lease)
    yield* Effect.forEach(
      ended,
      ({ ends, first, partitions }) => sql`
        INSERT INTO millrace.topology (stream, first, partitions, ends)
        VALUES (${stream}, ${first}, ${partitions}, ${bigints(ends)}::bigint[])
        ON CONFLICT (stream, first) DO UPDATE SET ends = excluded.ends`,
      { discard: true }
    )
    yield* sql`
      UPDATE millrace.relay SET first = ${next.first}, partitions = ${next.partitions},
        wanted = nullif(wanted, ${next.partitions}::int) WHERE stream = ${stream}`
  })
  return (lease: RelayLease, ended: ReadonlyArray<EndedTopology>, next: Topology) =>
    sql.withTransaction(inOne(lease, ended, next)).pipe(asStoreUnavailable("RelayStore.adopt"))
}

/** What a handler reads, and what is behind it. */
interface Reading extends Topology {
  readonly handler: string
}

// Ends that are not known hold nobody back who does not depend on them. A balanced handler reads all partitions alike; what it has of one is what it has put aside, which goes along. Where the
// stream begins behind the end of a partition, nothing of it is left to be read.
const end = (sql: Sql, { stream }: RelayLease, firstSeq: number) =>
  sql<{ readonly handler: string }>`
    WITH through AS (
      SELECT l.handler FROM millrace.lease l
      JOIN millrace.topology t ON t.stream = l.stream AND l.partition >= t.first AND l.partition < t.first + t.partitions
      WHERE l.stream = ${stream} GROUP BY l.handler
      HAVING NOT bool_and(l.ended) AND bool_and(l.delivery = 'balanced'
        OR l.cursor >= t.ends[l.partition - t.first + 1] OR t.ends[l.partition - t.first + 1] < ${firstSeq})
    ), locked AS (
      SELECT l.handler, l.partition FROM millrace.lease l WHERE l.stream = ${stream}
        AND l.handler IN (SELECT handler FROM through) ORDER BY l.handler, l.partition FOR UPDATE
    ), done AS (
      UPDATE millrace.lease l SET ended = true FROM locked k
      WHERE l.stream = ${stream} AND l.handler = k.handler AND l.partition = k.partition RETURNING l.handler
    )
    SELECT DISTINCT handler FROM done ORDER BY handler`.pipe(Effect.map((rows) => rows.map(({ handler }) => handler)))

/** Handlers that nobody has a partition of any more, and what they have read. */
const givenUp = (sql: Sql, { stream }: RelayLease) =>
  sql<Reading>`
    SELECT handler, min(partition) AS first, count(*)::int AS partitions FROM millrace.lease WHERE stream = ${stream}
    GROUP BY handler HAVING bool_and(ended AND expires_at < clock_timestamp()) ORDER BY handler`

const behind = Effect.fnUntraced(function* (sql: Sql, { stream }: RelayLease, first: number) {
  const [next] = yield* sql<Topology>`
    SELECT first, partitions FROM (
      SELECT first, partitions FROM millrace.topology WHERE stream = ${stream}
      UNION ALL SELECT first, partitions FROM millrace.relay WHERE stream = ${stream}
    ) AS t WHERE first > ${first} ORDER BY first LIMIT 1`
  return next
})

/** Parked keys that one statement moves, at most: far from the statement's time limit. */
const movedKeysMax = 5_000

/** What a handler has put aside belongs to the partitions it goes on with. The hash of a key only the code knows. */
const moveAside = Effect.fnUntraced(function* (sql: Sql, stream: string, handler: string, to: Topology) {
  for (let after: string | undefined = ""; after !== undefined;) {
    const rows: ReadonlyArray<{ readonly key: string; readonly of: string }> = yield* sql<{
      readonly key: string
      readonly of: string
    }>`
      SELECT key, coalesce(of_key, key) AS of FROM millrace.parked_key
      WHERE stream = ${stream} AND handler = ${handler} AND key > ${after} AND partition < ${to.first}
      ORDER BY key LIMIT ${movedKeysMax}`
    if (rows.length > 0)
      yield* sql`
      UPDATE millrace.parked_key k SET partition = x.partition
      FROM unnest(${rows.map(({ key }) => key)}::text[], ${rows.map(({ of }) => partitionOf(slotOf(of), to))}::int[]) AS x(key, partition)
      WHERE k.stream = ${stream} AND k.handler = ${handler} AND k.key = x.key`
    after = rows.length < movedKeysMax ? undefined : rows.at(-1)?.key
  }
  const suspects = yield* sql<{ readonly key: string; readonly partition: number }>`
    SELECT DISTINCT key, partition FROM millrace.suspect
    WHERE stream = ${stream} AND handler = ${handler} AND partition < ${to.first}`
  yield* Effect.forEach(
    suspects,
    ({ key, partition }) => sql`
      UPDATE millrace.suspect SET partition = ${partitionOf(slotOf(key), to)}
      WHERE stream = ${stream} AND handler = ${handler} AND partition = ${partition} AND key = ${key}`,
    { discard: true }
  )
})

// The new leases begin where the furthest of the old ones was: behind everything of before, in front of all that is theirs.
const moveLeases = Effect.fnUntraced(function* (sql: Sql, lease: RelayLease, handler: string, to: Topology) {
  const { stream } = lease
  yield* fence(sql, lease)
  const leases = yield* sql<{ readonly free: boolean }>`
    SELECT ended AND expires_at < clock_timestamp() AS free FROM millrace.lease
    WHERE stream = ${stream} AND handler = ${handler} ORDER BY handler, partition FOR UPDATE`
  if (!leases.every(({ free }) => free)) return false
  yield* sql`
    WITH old AS (
      DELETE FROM millrace.lease WHERE stream = ${stream} AND handler = ${handler} RETURNING cursor, delivery
    ), place AS (
      SELECT CASE WHEN max(delivery) = 'balanced' THEN min(cursor) ELSE max(cursor) END AS cursor, max(delivery) AS delivery FROM old
    )
    INSERT INTO millrace.lease (stream, handler, partition, cursor, delivery)
    SELECT ${stream}, ${handler}, p, place.cursor, place.delivery
    FROM place, generate_series(${to.first}::int, ${to.first + to.partitions - 1}::int) AS p`
  yield* sql`
    DELETE FROM millrace.control WHERE stream = ${stream} AND handler = ${handler} AND partition BETWEEN 0 AND ${to.first - 1}`
  return true
})

// Put aside by somebody who did not know yet that there are other partitions.
const strays = (sql: Sql, { stream }: RelayLease) =>
  sql<Reading>`
    SELECT l.handler, l.first, l.partitions FROM (
      SELECT handler, min(partition) AS first, count(*)::int AS partitions FROM millrace.lease WHERE stream = ${stream} GROUP BY handler
    ) AS l WHERE EXISTS (SELECT 1 FROM millrace.parked_key k
      WHERE k.stream = ${stream} AND k.handler = l.handler AND k.partition < l.first)`

/** `RelayStore.settle`. */
export const settle = (sql: Sql) =>
  Effect.fnUntraced(function* (lease: RelayLease, firstSeq: number) {
    const { stream } = lease
    const ended = yield* end(sql, lease, firstSeq)
    const moved: Array<{ readonly handler: string; readonly to: Topology }> = []
    for (const { first, handler } of yield* givenUp(sql, lease)) {
      const to = yield* behind(sql, lease, first)
      if (to === undefined) continue
      // Nobody works on it meanwhile. Whoever ends here is followed by another who moves the same once more.
      yield* moveAside(sql, stream, handler, to)
      if (yield* sql.withTransaction(moveLeases(sql, lease, handler, to))) moved.push({ handler, to })
    }
    for (const { handler, ...to } of yield* strays(sql, lease)) yield* moveAside(sql, stream, handler, to)
    return { ended, moved }
  }, asStoreUnavailable("RelayStore.settle"))
