import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { goneShownMs, type InstanceFacts, type LeaseFacts, PipelineView } from "../../pipeline/PipelineView.ts"
import { type ControlEntryRow, entryOf } from "./PgControlDesk.ts"
import { having } from "./pgOutcomes.ts"
import { asStoreUnavailable } from "./sqlFailure.ts"

interface FactsRow {
  readonly now_ms: number
  readonly rows: number
  readonly oldest_ms: number
  readonly held: number
  readonly partitions: number | null
  readonly first: number | null
  readonly wanted: number | null
  readonly leader: string | null
  readonly epoch: number | null
  readonly last_seq: number | null
  readonly leases: ReadonlyArray<Omit<LeaseFacts, "owner"> & { readonly owner: string | null }>
  readonly instances: ReadonlyArray<Omit<InstanceFacts, "report"> & { readonly report: string | null }>
  readonly aside: ReadonlyArray<{ handler: string; parkedKeys: number; retryingKeys: number; events: number }>
  readonly violations: ReadonlyArray<{ readonly handler: string; readonly n: number }>
  readonly controls: ReadonlyArray<ControlEntryRow>
}

const facts = (sql: SqlClient.SqlClient) => (stream: string, rowsMax: number) =>
  sql<FactsRow>`
    WITH waiting AS (
      SELECT o.appended_at FROM millrace.outbox o WHERE o.stream = ${stream} AND NOT EXISTS (
        SELECT 1 FROM millrace.held_key h WHERE h.stream = o.stream AND h.key = o.key AND o.id >= h.from_id)
      ORDER BY o.id LIMIT ${rowsMax}::bigint
    ), outbox AS (
      SELECT count(*)::int AS rows, coalesce(greatest(0, extract(epoch FROM clock_timestamp() - min(appended_at)) * 1000), 0)::float8 AS oldest_ms
      FROM waiting
    ), keys AS (
      SELECT handler, count(*) FILTER (WHERE status = 'parked') AS parked, count(*) FILTER (WHERE status = 'retrying') AS retrying
      FROM millrace.parked_key WHERE stream = ${stream} GROUP BY handler
    ), events AS (
      SELECT handler, count(*) AS n FROM millrace.parked_event WHERE stream = ${stream} GROUP BY handler
    )
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now_ms, outbox.rows, outbox.oldest_ms,
      (SELECT count(*)::int FROM millrace.held_key WHERE stream = ${stream}) AS held,
      abs(r.partitions) AS partitions, r.first, nullif(r.wanted, abs(r.partitions)) AS wanted, CASE WHEN r.expires_at > clock_timestamp() THEN r.owner END AS leader, r.epoch::float8, r.last_seq::float8,
      (SELECT coalesce(json_agg(json_build_object('handler', handler, 'partition', partition, 'delivery', coalesce(delivery, 'ordered'),
        'owner', CASE WHEN expires_at > clock_timestamp() THEN owner END, 'epoch', epoch, 'cursor', cursor)
        ORDER BY handler, partition), '[]') FROM millrace.lease WHERE stream = ${stream}) AS leases,
      (SELECT coalesce(json_agg(json_build_object('id', i.id, 'host', host, 'version', app_version, 'roles', roles, 'handlers', handlers,
        'startedAtMs', round(extract(epoch FROM started_at) * 1000),
        'seenMs', greatest(0, round(extract(epoch FROM clock_timestamp() - expires_at + interval '3 seconds') * 1000)),
        'report', p.body) ORDER BY i.id), '[]')
        FROM millrace.instance i LEFT JOIN millrace.report p ON p.stream = i.stream AND p.id = i.id
        WHERE i.stream = ${stream} AND expires_at > clock_timestamp() - make_interval(secs => ${goneShownMs / 1_000}::float8)) AS instances,
      (SELECT coalesce(json_agg(json_build_object('handler', k.handler, 'parkedKeys', k.parked, 'retryingKeys', k.retrying,
        'events', coalesce(e.n, 0))), '[]') FROM keys k LEFT JOIN events e ON e.handler = k.handler) AS aside,
      (SELECT coalesce(json_agg(v), '[]') FROM (SELECT handler, count(*) AS n FROM millrace.order_violation
        WHERE stream = ${stream} AND acknowledged_at IS NULL GROUP BY handler) v) AS violations,
      (SELECT coalesce(json_agg(json_build_object('handler', handler, 'partition', partition, 'instance', instance, 'paused', paused,
        'per_second', per_second, 'draining', draining, 'actor', actor, 'why', why, 'at_ms', extract(epoch FROM at) * 1000)), '[]')
        FROM millrace.control WHERE stream = ${stream}) AS controls
    FROM outbox LEFT JOIN millrace.relay r ON r.stream = ${stream}`.pipe(
    Effect.flatMap(([row]) =>
      row === undefined ? Effect.die(new Error("a select without a row")) : Effect.succeed(row)
    ),
    Effect.map((row) => ({
      nowMs: Math.round(row.now_ms),
      partitions: row.partitions ?? 0,
      first: row.first ?? 0,
      wanted: row.wanted ?? undefined,
      outbox: { rows: row.rows, oldestMs: Math.round(row.oldest_ms), heldKeys: row.held },
      relay: { leader: row.leader ?? undefined, epoch: row.epoch ?? 0, lastSeq: row.last_seq ?? 0 },
      leases: row.leases.map(({ owner, ...lease }) => ({ ...lease, owner: owner ?? undefined })),
      instances: row.instances.map(({ report, ...instance }) => ({ ...instance, report: report ?? undefined })),
      aside: row.aside,
      violations: new Map(row.violations.map(({ handler, n }) => [handler, n])),
      controls: row.controls.map(entryOf)
    })),
    asStoreUnavailable("PipelineView.facts")
  )

interface KeyRow {
  readonly version: number
  readonly outbox: ReadonlyArray<{
    readonly outboxId: number
    readonly eventId: string
    readonly version: number
    readonly type: string
    readonly traceparent: string
    readonly payload: string
    readonly appendedAtMs: number
    readonly held: boolean
  }>
  readonly handlers: ReadonlyArray<{
    readonly handler: string
    readonly delivery: "ordered" | "balanced"
    readonly version: number
    readonly beyond: ReadonlyArray<number>
    readonly parked: ReadonlyArray<number>
    readonly discarded: ReadonlyArray<number>
    readonly violations: ReadonlyArray<number>
    readonly acknowledged: ReadonlyArray<number>
  }>
}

/** Rows of a key that are looked at, of each kind. */
const rowsOfKeyMax = 1_000

const key = (sql: SqlClient.SqlClient) => (stream: string, name: string) => {
  const versions = (table: string, which = sql`true`) => sql`
    (SELECT coalesce(json_agg(version), '[]') FROM (SELECT version FROM ${sql(table)} v
      WHERE v.stream = ${stream} AND v.handler = h.handler AND v.key = ${name} AND ${which} ORDER BY version DESC LIMIT ${rowsOfKeyMax}::int) x)`
  // Of a balanced handler, an event that was put aside has a name of its own.
  const aside = (table: string) => sql`
    (SELECT coalesce(json_agg(version), '[]') FROM (SELECT version FROM (
      SELECT version FROM ${sql(table)} v WHERE v.stream = ${stream} AND v.handler = h.handler AND v.key = ${name}
      UNION ALL SELECT version FROM ${sql(table)} v WHERE v.stream = ${stream} AND v.handler = h.handler AND v.of_key = ${name}
      ) v ORDER BY version DESC LIMIT ${rowsOfKeyMax}::int) x)`
  return sql<KeyRow>`
    SELECT coalesce((SELECT version FROM millrace.head WHERE stream = ${stream} AND key = ${name}), 0)::float8 AS version,
      (SELECT coalesce(json_agg(json_build_object('outboxId', id, 'eventId', event_id, 'version', version, 'type', type,
        'traceparent', traceparent, 'payload', payload, 'appendedAtMs', round(extract(epoch FROM appended_at) * 1000),
        'held', EXISTS (SELECT 1 FROM millrace.held_key k WHERE k.stream = ${stream} AND k.key = ${name} AND o.id >= k.from_id))
        ORDER BY id), '[]') FROM (SELECT * FROM millrace.outbox WHERE stream = ${stream} AND key = ${name} ORDER BY id LIMIT ${rowsOfKeyMax}::int) o) AS outbox,
      (SELECT coalesce(json_agg(json_build_object('handler', h.handler, 'delivery', h.delivery,
        'version', coalesce((SELECT version FROM millrace.progress p WHERE p.stream = ${stream} AND p.handler = h.handler AND p.key = ${name}), 0),
        'beyond', ${versions("millrace.handled")}, 'parked', ${aside("millrace.parked_event")},
        'discarded', ${aside("millrace.discarded_event")}, 
        'violations', ${versions("millrace.order_violation", sql`v.acknowledged_at IS NULL`)},
        'acknowledged', ${versions("millrace.order_violation", sql`v.acknowledged_at IS NOT NULL`)}) ORDER BY h.handler), '[]')
        FROM (SELECT handler, coalesce(min(delivery), 'ordered') AS delivery FROM millrace.lease WHERE stream = ${stream} GROUP BY handler) h) AS handlers`.pipe(
    Effect.map(([row]) => ({
      version: row?.version ?? 0,
      outbox: (row?.outbox ?? []).map((one) => ({ ...one, key: name })),
      handlers: row?.handlers ?? []
    })),
    asStoreUnavailable("PipelineView.key")
  )
}

/** Generations of an effect that are looked at: each replay is one. */
const generationsMax = 10

const effects =
  (sql: SqlClient.SqlClient) => (stream: string, handlers: ReadonlyArray<string>, eventIds: ReadonlyArray<string>) =>
    sql<{
      readonly handler: string
      readonly event_id: string
      readonly intended_ms: number
      readonly confirmed_ms: number | null
    }>`
      SELECT h AS handler, e AS event_id, (extract(epoch FROM min(f.intended_at)) * 1000)::float8 AS intended_ms,
        (extract(epoch FROM max(f.confirmed_at)) * 1000)::float8 AS confirmed_ms
      FROM unnest(${handlers}::text[]) AS h CROSS JOIN unnest(${eventIds}::text[]) AS e CROSS JOIN generate_series(0, ${generationsMax - 1}::int) AS g
      JOIN millrace.effect f ON f.stream = ${stream} AND f.handler = h AND f.idempotency_key = h || ':' || e || ':' || g
      GROUP BY 1, 2`.pipe(
      Effect.map((rows) =>
        rows.map((row) => ({
          handler: row.handler,
          eventId: row.event_id,
          intendedAtMs: Math.round(row.intended_ms),
          confirmedAtMs: row.confirmed_ms === null ? undefined : Math.round(row.confirmed_ms)
        }))
      ),
      asStoreUnavailable("PipelineView.effects")
    )

/** What people want to see of a pipeline, in Postgres. */
export const layer: Layer.Layer<PipelineView, never, SqlClient.SqlClient> = Layer.effect(
  PipelineView,
  Effect.map(SqlClient.SqlClient, (sql) =>
    PipelineView.of({ facts: facts(sql), key: key(sql), having: having(sql), effects: effects(sql) })
  )
)
