import { Effect, Layer } from "effect"
import type { Handler } from "../../pipeline/Handler.ts"
import {
  asideHorizonMs,
  type Claim,
  type Declared,
  type Instance,
  type Member,
  Ownership
} from "../../pipeline/Ownership.ts"
import type { Topology } from "../../pipeline/Partition.ts"
import { LeaseLost } from "../../pipeline/PipelineError.ts"
import { bigints } from "./parameters.ts"
import { type ControlRow, controlOf } from "./PgControlDesk.ts"
import { leaseExpiry, PgControl } from "./PgControl.ts"
import { asLeaseStatement, asStoreUnavailable } from "./sqlFailure.ts"

interface LeaseRow {
  readonly handler: string
  readonly partition: number
  readonly epoch: bigint
  readonly opening: bigint
  readonly cursor: bigint
}

interface BeatRow {
  readonly live: ReadonlyArray<Member>
  readonly renewed: ReadonlyArray<{
    handler: string
    partition: number
    epoch: string
    opening: string
    cursor: string
    ended: boolean
  }>
  readonly free: ReadonlyArray<{ handler: string; partition: number }>
  readonly rewinds: bigint | null
  readonly topology: { readonly first: number; readonly partitions: number | null } | null
  readonly aside_due: boolean
  readonly controls: ReadonlyArray<ControlRow>
}

interface Place {
  readonly handler: string
  readonly partition: number
}

const declare = (sql: PgControl["Service"]) =>
  Effect.fnUntraced(function* (stream: string, handlers: ReadonlyArray<string>, partitions: number) {
    yield* forgetDead(sql, stream)
    return yield* sql.withTransaction(declareLeases(sql, stream, handlers, partitions))
  }, asStoreUnavailable("Ownership.declare"))

// The relay's row is locked meanwhile: nobody moves a handler to other partitions. A new handler begins with the oldest.
const declareLeases = Effect.fnUntraced(function* (
  sql: PgControl["Service"],
  stream: string,
  handlers: ReadonlyArray<string>,
  partitions: number
) {
  const [known] = yield* sql<Topology>`
    INSERT INTO millrace.relay AS r (stream, partitions) VALUES (${stream}, ${partitions})
    ON CONFLICT (stream) DO UPDATE SET partitions = coalesce(r.partitions, excluded.partitions)
    RETURNING first, partitions`
  const topology = known ?? { first: 0, partitions }
  yield* sql`
    WITH oldest AS (
      SELECT first, partitions FROM (
        SELECT first, partitions FROM millrace.topology WHERE stream = ${stream}
        UNION ALL SELECT ${topology.first}::int, ${topology.partitions}::int
      ) AS t ORDER BY first LIMIT 1
    )
    INSERT INTO millrace.lease (stream, handler, partition)
    SELECT ${stream}, h, p FROM unnest(${handlers}::text[]) AS h, oldest, generate_series(first, first + partitions - 1) AS p
    WHERE NOT EXISTS (SELECT 1 FROM millrace.lease l WHERE l.stream = ${stream} AND l.handler = h)
    ORDER BY h, p ON CONFLICT DO NOTHING`
  const reading = yield* sql<Topology & { readonly handler: string }>`
    SELECT handler, min(partition) AS first, count(*)::int AS partitions FROM millrace.lease
    WHERE stream = ${stream} AND handler = ANY(${handlers}::text[]) GROUP BY handler`
  return { topology, handlers: new Map(reading.map(({ handler, ...one }) => [handler, one])) } satisfies Declared
})

/**
 * Who left without a word leaves a row, and who was drained and left, what was asked of it: those of an hour ago are of no
 * use to anybody.
 */
const forgetDead = (sql: PgControl["Service"], stream: string) =>
  sql`WITH dead AS (
      DELETE FROM millrace.instance WHERE stream = ${stream} AND expires_at < clock_timestamp() - interval '1 hour' RETURNING id
    )
    , unasked AS (
      DELETE FROM millrace.control c WHERE c.stream = ${stream} AND c.instance <> ''
        AND (c.instance IN (SELECT id FROM dead) OR c.at < clock_timestamp() - interval '1 hour'
          AND NOT EXISTS (SELECT 1 FROM millrace.instance i WHERE i.stream = c.stream AND i.id = c.instance))
    )
    DELETE FROM millrace.report r USING dead d WHERE r.stream = ${stream} AND r.id = d.id`

const fixDelivery = (sql: PgControl["Service"]) =>
  Effect.fnUntraced(function* (stream: string, handlers: ReadonlyArray<Pick<Handler, "name" | "delivery">>) {
    const wanted = sql`unnest(${handlers.map((h) => h.name)}::text[], ${handlers.map((h) => h.delivery)}::text[])
      AS x(handler, delivery)`
    yield* sql`
      WITH open AS (
        SELECT l.handler, l.partition, x.delivery FROM millrace.lease l JOIN ${wanted} ON l.handler = x.handler
        WHERE l.stream = ${stream} AND l.delivery IS NULL ORDER BY l.handler, l.partition FOR UPDATE OF l
      )
      UPDATE millrace.lease l SET delivery = o.delivery FROM open o
      WHERE l.stream = ${stream} AND l.handler = o.handler AND l.partition = o.partition`
    const other = yield* sql<{ readonly handler: string }>`
      SELECT DISTINCT l.handler FROM millrace.lease l JOIN ${wanted} ON l.handler = x.handler
      WHERE l.stream = ${stream} AND l.delivery <> x.delivery ORDER BY l.handler`
    return other.map(({ handler }) => handler)
  }, asStoreUnavailable("Ownership.fixDelivery"))

// Each lease is looked up by its key, and locked, in order: joined, all leases were compared with all claims, which with a
// thousand of them took longer than a beat may.
// What was given back is nobody's, also for a beat that was under way meanwhile: renewed, it would be kept from the others.
// The sub-selects see the state before this statement: what it renews itself is not free, and is told apart below.
const beat = (sql: PgControl["Service"]) =>
  Effect.fnUntraced(function* (
    stream: string,
    instance: Instance,
    handlers: ReadonlyArray<string>,
    claims: ReadonlyArray<Claim>,
    report?: string
  ) {
    const [row] = yield* sql<BeatRow>`
    WITH alive AS (
      INSERT INTO millrace.instance AS i (stream, id, host, app_version, roles, handlers, expires_at, can_repartition)
      VALUES (${stream}, ${instance.id}, ${instance.host}, ${instance.version}, ${instance.roles}::text[],
        ${handlers}::text[], ${leaseExpiry(sql)}, true)
      ON CONFLICT (stream, id) DO UPDATE SET expires_at = excluded.expires_at, handlers = excluded.handlers
    ), said AS (
      INSERT INTO millrace.report AS r (stream, id, body, at)
      SELECT ${stream}, ${instance.id}, x, clock_timestamp() FROM (SELECT ${report ?? null}::text AS x) AS said WHERE x IS NOT NULL
      ON CONFLICT (stream, id) DO UPDATE SET body = excluded.body, at = excluded.at
    ), held AS (
      SELECT l.handler, l.partition, l.epoch
      FROM (SELECT * FROM unnest(${claims.map((c) => c.handler)}::text[], ${claims.map((c) => c.partition)}::int[],
        ${bigints(claims.map((c) => c.epoch))}::bigint[]) AS c(handler, partition, epoch) ORDER BY handler, partition) AS x,
        LATERAL (SELECT l.handler, l.partition, l.epoch FROM millrace.lease l WHERE l.stream = ${stream} AND l.handler = x.handler
          AND l.partition = x.partition AND l.epoch = x.epoch AND l.owner IS NOT NULL FOR UPDATE OF l) AS l
    ), renewed AS (
      UPDATE millrace.lease l SET expires_at = ${leaseExpiry(sql)} FROM held h
      WHERE l.stream = ${stream} AND l.handler = h.handler AND l.partition = h.partition AND l.epoch = h.epoch
      RETURNING l.handler, l.partition, l.epoch, l.opening, l.cursor, l.ended
    )
    SELECT
      (SELECT coalesce(json_agg(json_build_object('id', id, 'handlers', handlers)), '[]') FROM millrace.instance
        WHERE stream = ${stream} AND expires_at > clock_timestamp()) AS live,
      (SELECT coalesce(json_agg(json_build_object('handler', handler, 'partition', partition, 'epoch', epoch::text, 'opening', opening::text,
        'cursor', cursor::text, 'ended', ended)), '[]') FROM renewed) AS renewed,
      (SELECT coalesce(json_agg(json_build_object('handler', handler, 'partition', partition)), '[]') FROM millrace.lease
        WHERE stream = ${stream} AND expires_at < clock_timestamp() AND NOT ended) AS free,
      (SELECT json_build_object('first', first, 'partitions', partitions) FROM millrace.relay WHERE stream = ${stream}) AS topology,
      (SELECT rewinds FROM millrace.relay WHERE stream = ${stream}) AS rewinds,
      EXISTS (SELECT 1 FROM millrace.parked_key WHERE stream = ${stream} AND status = 'retrying'
        AND due_at <= clock_timestamp() + make_interval(secs => ${asideHorizonMs / 1_000}::float8)) AS aside_due,
      (SELECT coalesce(json_agg(json_build_object('handler', handler, 'partition', partition, 'instance', instance,
        'paused', paused, 'per_second', per_second, 'draining', draining)), '[]') FROM millrace.control
        WHERE stream = ${stream}) AS controls`
    const renewed = (row?.renewed ?? []).map((r) => toClaim(stream, r))
    const mine = new Set(renewed.map(placeOf))
    return {
      live: [...(row?.live ?? []).filter(({ id }) => id !== instance.id), { id: instance.id, handlers }].sort(byId),
      renewed,
      free: (row?.free ?? []).filter((place) => !mine.has(placeOf(place))),
      rewinds: Number(row?.rewinds ?? 0),
      topology: topologyIn(row?.topology),
      asideDue: row?.aside_due === true,
      controls: (row?.controls ?? []).map(controlOf)
    }
  }, asLeaseStatement("Ownership.beat"))

const renew = (sql: PgControl["Service"]) =>
  Effect.fnUntraced(function* (claims: ReadonlyArray<Claim>) {
    const rows = yield* sql<LeaseRow & { readonly stream: string }>`
      WITH held AS (
        SELECT l.* FROM (SELECT * FROM unnest(${claims.map((c) => c.stream)}::text[], ${claims.map((c) => c.handler)}::text[],
          ${claims.map((c) => c.partition)}::int[], ${bigints(claims.map((c) => c.epoch))}::bigint[])
          AS c(stream, handler, partition, epoch) ORDER BY stream, handler, partition) AS x,
          LATERAL (SELECT l.stream, l.handler, l.partition, l.epoch FROM millrace.lease l WHERE l.stream = x.stream
            AND l.handler = x.handler AND l.partition = x.partition AND l.epoch = x.epoch AND l.owner IS NOT NULL FOR UPDATE OF l) AS l
      )
      UPDATE millrace.lease l SET expires_at = ${leaseExpiry(sql)} FROM held h
      WHERE l.stream = h.stream AND l.handler = h.handler AND l.partition = h.partition AND l.epoch = h.epoch
      RETURNING l.stream, l.handler, l.partition, l.epoch, l.opening, l.cursor, l.ended`
    return rows.map((row) => toClaim(row.stream, row))
  }, asLeaseStatement("Ownership.renew"))

// SKIP LOCKED: a row that a frozen owner's session still locks must not stop the other claims.
const claim = (sql: PgControl["Service"]) =>
  Effect.fnUntraced(function* (stream: string, owner: string, wanted: ReadonlyArray<Place>) {
    const rows = yield* sql<LeaseRow & { readonly abandoned: boolean }>`
    UPDATE millrace.lease l SET owner = ${owner}, epoch = l.epoch + 1, expires_at = ${leaseExpiry(sql)}
    FROM (
      SELECT f.handler, f.partition, f.owner IS NOT NULL AS abandoned FROM millrace.lease f
      JOIN unnest(${wanted.map((w) => w.handler)}::text[], ${wanted.map((w) => w.partition)}::int[]) AS x(handler, partition)
        ON f.handler = x.handler AND f.partition = x.partition
      WHERE f.stream = ${stream} AND f.expires_at < clock_timestamp() AND NOT f.ended FOR UPDATE OF f SKIP LOCKED
    ) free
    WHERE l.stream = ${stream} AND l.handler = free.handler AND l.partition = free.partition
    RETURNING l.handler, l.partition, l.epoch, l.opening, l.cursor, free.abandoned`
    return rows.map((row) => ({ ...toClaim(stream, row), ...(row.abandoned ? { abandoned: true as const } : {}) }))
  }, asLeaseStatement("Ownership.claim"))

// Waits for the row when a commit has it: that commit is past its fence, and its cursor is then the one returned.
const open = (sql: PgControl["Service"]) =>
  Effect.fnUntraced(function* ({ epoch, handler, partition, stream }: Claim) {
    const [row] = yield* sql<LeaseRow>`
      UPDATE millrace.lease SET opening = opening + 1
      WHERE stream = ${stream} AND handler = ${handler} AND partition = ${partition} AND epoch = ${epoch}
      RETURNING handler, partition, epoch, opening, cursor`
    if (row === undefined) return yield* new LeaseLost({ lease: `${handler}/${partition}`, epoch })
    return toClaim(stream, row)
  }, asStoreUnavailable("Ownership.open"))

const release = (sql: PgControl["Service"]) =>
  Effect.fnUntraced(function* (claims: ReadonlyArray<Claim>) {
    yield* sql`
    UPDATE millrace.lease l SET owner = NULL, expires_at = '-infinity'
    FROM unnest(${claims.map((c) => c.stream)}::text[], ${claims.map((c) => c.handler)}::text[], ${claims.map((c) => c.partition)}::int[],
      ${bigints(claims.map((c) => c.epoch))}::bigint[]) AS x(stream, handler, partition, epoch)
    WHERE l.stream = x.stream AND l.handler = x.handler AND l.partition = x.partition AND l.epoch = x.epoch`
  }, asLeaseStatement("Ownership.release"))

const leave = (sql: PgControl["Service"]) => (stream: string, instance: Instance) =>
  sql`WITH gone AS (DELETE FROM millrace.report WHERE stream = ${stream} AND id = ${instance.id})
    DELETE FROM millrace.instance WHERE stream = ${stream} AND id = ${instance.id}`.pipe(
    Effect.asVoid,
    asLeaseStatement("Ownership.leave")
  )

/** Leases in Postgres rows, by the database's clock: visible to anyone, and safe behind poolers. */
export const layer: Layer.Layer<Ownership, never, PgControl> = Layer.effect(
  Ownership,
  Effect.gen(function* () {
    const sql = yield* PgControl

    return Ownership.of({
      renew: renew(sql),
      declare: declare(sql),
      fixDelivery: fixDelivery(sql),
      beat: beat(sql),
      claim: claim(sql),
      open: open(sql),
      release: release(sql),
      leave: leave(sql)
    })
  })
)

const toClaim = (
  stream: string,
  row: {
    readonly handler: string
    readonly partition: number
    readonly epoch: bigint | string
    readonly opening: bigint | string
    readonly cursor: bigint | string
    readonly ended?: boolean
  }
): Claim => ({
  stream,
  handler: row.handler,
  partition: row.partition,
  epoch: Number(row.epoch),
  opening: Number(row.opening),
  cursor: Number(row.cursor),
  ...(row.ended === true ? { ended: true as const } : {})
})

const topologyIn = (said: BeatRow["topology"] | undefined): Topology | undefined =>
  said === null || said === undefined || said.partitions === null
    ? undefined
    : { first: said.first, partitions: said.partitions }

const byId = (a: Member, b: Member) => (a.id < b.id ? -1 : 1)

const placeOf = (at: Place) => `${at.handler}/${at.partition}`
