import { Effect } from "effect"
import { Migrator, SqlClient, type SqlError } from "effect/sql"
import { partitionOf, slotOf } from "../../pipeline/Partition.ts"
import { makeSchema } from "./PgSchema.ts"

/** A set of migrations by name, `0001_what_it_does`, applied in order, each once. */
export type MigrationSet = Parameters<typeof Migrator.fromRecord>[0]

// Any constant will do as long as it stays the same; it is the library's own.
const migrationLock = 7_119_337

/**
 * Brings the database to the newest version. Safe when several processes start together: they take turns, by a lock
 * that lasts for the transaction, so that poolers and dead sessions cannot keep it. `prepare` runs first, in the same turn.
 */
export const migrate = Effect.fn("Migrations.migrate")(function* (
  table: string,
  migrations: MigrationSet,
  prepare: Effect.Effect<void, SqlError.SqlError, SqlClient.SqlClient> = Effect.void
) {
  const sql = yield* SqlClient.SqlClient
  const run = Migrator.make({})({ loader: Migrator.fromRecord(migrations), table })
  return yield* sql.withTransaction(
    sql`SELECT pg_advisory_xact_lock(${migrationLock})`.pipe(Effect.andThen(prepare), Effect.andThen(run))
  )
})

const createTables = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* makeSchema
  const statements = [
    // one row per key: its lock, and the source of its versions
    `CREATE TABLE millrace.head (
       stream text NOT NULL, key text NOT NULL, version bigint NOT NULL, PRIMARY KEY (stream, key)
     ) WITH (fillfactor = 70)`,
    // insert-and-delete: history is in the stream. Dead rows must go quickly, or reads of the head slow down.
    `CREATE TABLE millrace.outbox (
       stream text NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, event_id uuid NOT NULL, key text NOT NULL,
       version bigint NOT NULL, slot int NOT NULL, type text NOT NULL, traceparent text NOT NULL, payload text NOT NULL,
       appended_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (stream, id)
     ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0)`,
    `CREATE TABLE millrace.held_key (
       stream text NOT NULL, key text NOT NULL, from_id bigint NOT NULL, reason text NOT NULL,
       held_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (stream, key)
     )`,
    // everything in the stream above last_seq was published but is not yet deleted from the outbox
    `CREATE TABLE millrace.relay (
       stream text PRIMARY KEY, owner text, epoch bigint NOT NULL DEFAULT 0,
       expires_at timestamptz NOT NULL DEFAULT '-infinity', last_seq bigint NOT NULL DEFAULT 0,
       stream_created text NOT NULL DEFAULT ''
     ) WITH (fillfactor = 50)`,
    `CREATE TABLE millrace.instance (
       stream text NOT NULL, id text NOT NULL, host text NOT NULL, app_version text NOT NULL,
       started_at timestamptz NOT NULL DEFAULT clock_timestamp(), expires_at timestamptz NOT NULL, PRIMARY KEY (stream, id)
     ) WITH (fillfactor = 50)`,
    `CREATE TABLE millrace.lease (
       stream text NOT NULL, handler text NOT NULL, partition int NOT NULL, owner text, epoch bigint NOT NULL DEFAULT 0,
       expires_at timestamptz NOT NULL DEFAULT '-infinity', cursor bigint NOT NULL DEFAULT 0,
       opening bigint NOT NULL DEFAULT 0, PRIMARY KEY (stream, handler, partition)
     ) WITH (fillfactor = 50)`,
    `CREATE TABLE millrace.progress (
       stream text NOT NULL, handler text NOT NULL, key text NOT NULL, version bigint NOT NULL,
       parked boolean NOT NULL DEFAULT false, PRIMARY KEY (stream, handler, key)
     ) WITH (fillfactor = 70)`,
    `CREATE TABLE millrace.parked_event (
       stream text NOT NULL, handler text NOT NULL, key text NOT NULL, version bigint NOT NULL, event_id uuid NOT NULL,
       type text NOT NULL, traceparent text NOT NULL, payload text NOT NULL, seq bigint NOT NULL, outbox_id bigint NOT NULL,
       reason_tag text, reason_message text, attempts int, parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
       PRIMARY KEY (stream, handler, key, version)
     )`,
    `CREATE TABLE millrace.order_violation (
       id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stream text NOT NULL, handler text NOT NULL, key text NOT NULL,
       handled_version bigint NOT NULL, version bigint NOT NULL, seq bigint NOT NULL, epoch bigint NOT NULL,
       seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
     )`
  ]
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})

// instances come and go within seconds, so there is nothing to carry over
const describeInstances = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE millrace.instance ADD COLUMN roles text[] NOT NULL DEFAULT '{}',
    ADD COLUMN handlers text[] NOT NULL DEFAULT '{}'`
})

// a process without handlers has no leases to count, and publishes all the same
const fixPartitions = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE millrace.relay ADD COLUMN partitions int`
  yield* sql`UPDATE millrace.relay r SET partitions = (SELECT max(partition) + 1 FROM millrace.lease l WHERE l.stream = r.stream)`
})

// what was published and is kept for a while, in case the broker loses it
const keepPublished = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE millrace.published (
    stream text NOT NULL, id bigint NOT NULL, event_id uuid NOT NULL, key text NOT NULL, version bigint NOT NULL,
    slot int NOT NULL, type text NOT NULL, traceparent text NOT NULL, payload text NOT NULL,
    appended_at timestamptz NOT NULL, seq bigint NOT NULL, published_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (stream, id)
  ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0)`
  yield* sql`ALTER TABLE millrace.outbox ADD COLUMN again boolean NOT NULL DEFAULT false`
  yield* sql`CREATE INDEX ON millrace.published (stream, seq)`
  // whether the stream was ever made anew: then it does not begin with the first event
  yield* sql`ALTER TABLE millrace.relay ADD COLUMN remade boolean NOT NULL DEFAULT false`
})

// a key that was put aside has a row of its own: what is next for it, why, and what was tried
const parkKeys = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const statements = [
    `CREATE TABLE millrace.parked_key (
       stream text NOT NULL, handler text NOT NULL, key text NOT NULL, partition int NOT NULL,
       status text NOT NULL CHECK (status IN ('parked', 'retrying')), generation int NOT NULL DEFAULT 0,
       attempts int NOT NULL, due_at timestamptz, reason_tag text NOT NULL, reason_message text NOT NULL,
       reason_stack text NOT NULL, history jsonb NOT NULL, parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
       PRIMARY KEY (stream, handler, key), CHECK ((status = 'retrying') = (due_at IS NOT NULL))
     ) WITH (fillfactor = 70)`,
    `CREATE INDEX ON millrace.parked_key (stream, handler, partition, due_at) WHERE status = 'retrying'`,
    `CREATE INDEX ON millrace.parked_key (stream, parked_at)`,
    `CREATE INDEX ON millrace.parked_key (stream, key)`,
    `ALTER TABLE millrace.parked_event ADD COLUMN original text`,
    `CREATE TABLE millrace.discarded_event (
       LIKE millrace.parked_event, discarded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
       PRIMARY KEY (stream, handler, key, version)
     )`,
    `CREATE TABLE millrace.parking_act (
       id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stream text NOT NULL, handler text NOT NULL, key text NOT NULL,
       version bigint, act text NOT NULL, actor text NOT NULL, why text NOT NULL, before text, after text,
       at timestamptz NOT NULL DEFAULT clock_timestamp()
     )`,
    // attempts at events of a partition whose owner before may have been ended by one of them
    `CREATE TABLE millrace.suspect (
       stream text NOT NULL, handler text NOT NULL, partition int NOT NULL, key text NOT NULL, version bigint NOT NULL,
       attempts int NOT NULL, PRIMARY KEY (stream, handler, partition, key, version)
     )`,
    `CREATE INDEX ON millrace.parking_act (stream, handler, key, id)`
  ]
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
  yield* carryOverParked
  yield* sql`ALTER TABLE millrace.parked_event DROP COLUMN reason_tag, DROP COLUMN reason_message, DROP COLUMN attempts`
  yield* sql`ALTER TABLE millrace.discarded_event DROP COLUMN reason_tag, DROP COLUMN reason_message, DROP COLUMN attempts`
})

// effects outside of handlers that can say whether one has happened
const noteEffects = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE millrace.effect (
    stream text NOT NULL, handler text NOT NULL, idempotency_key text NOT NULL,
    intended_at timestamptz NOT NULL DEFAULT clock_timestamp(), confirmed_at timestamptz,
    PRIMARY KEY (stream, handler, idempotency_key)
  ) WITH (fillfactor = 70)`
  yield* sql`CREATE INDEX ON millrace.effect (stream, handler, confirmed_at)`
})

// handlers without an order: which events they have handled, beyond what their progress says
const balanceHandlers = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const statements = [
    `CREATE TABLE millrace.handled (
       stream text NOT NULL, handler text NOT NULL, key text NOT NULL, version bigint NOT NULL, rewinds bigint NOT NULL,
       seq bigint NOT NULL, PRIMARY KEY (stream, handler, key, version)
     ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0)`,
    `CREATE INDEX ON millrace.handled (stream, handler, rewinds, seq)`,
    // sequences of before a rewind mean nothing behind it
    `ALTER TABLE millrace.relay ADD COLUMN rewinds bigint NOT NULL DEFAULT 0`,
    `ALTER TABLE millrace.lease ADD COLUMN delivery text CHECK (delivery IN ('ordered', 'balanced'))`,
    `UPDATE millrace.lease SET delivery = 'ordered'`,
    // an event that is put aside alone has a name of its own; this is then its key
    `ALTER TABLE millrace.parked_key ADD COLUMN of_key text`,
    `ALTER TABLE millrace.parked_event ADD COLUMN of_key text`,
    `ALTER TABLE millrace.discarded_event ADD COLUMN of_key text`,
    `CREATE INDEX ON millrace.parked_key (stream, of_key) WHERE of_key IS NOT NULL`,
    // pages go on behind a time that people have seen, and that is in milliseconds
    `UPDATE millrace.parked_key SET parked_at = date_trunc('milliseconds', parked_at)`,
    `ALTER TABLE millrace.parked_key ALTER COLUMN parked_at SET DEFAULT date_trunc('milliseconds', clock_timestamp())`
  ]
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})

// what operators want, who wanted it, and what instances say of themselves
const operate = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const statements = [
    // '' and -1 stand for all of them
    `CREATE TABLE millrace.control (
       stream text NOT NULL, handler text NOT NULL, partition int NOT NULL, instance text NOT NULL,
       paused boolean NOT NULL DEFAULT false, per_second float8, draining boolean NOT NULL DEFAULT false,
       actor text NOT NULL, why text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(),
       PRIMARY KEY (stream, handler, partition, instance)
     )`,
    `CREATE TABLE millrace.operation (
       id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stream text NOT NULL, act text NOT NULL, actor text NOT NULL,
       why text NOT NULL, handler text, partition int, instance text, detail text NOT NULL,
       at timestamptz NOT NULL DEFAULT clock_timestamp()
     )`,
    `CREATE INDEX ON millrace.operation (stream, id)`,
    `CREATE INDEX ON millrace.parking_act (stream, id)`,
    `CREATE INDEX ON millrace.order_violation (stream, handler, key)`,
    // what a balanced handler has put aside is looked for by the key it is of
    `CREATE INDEX ON millrace.parked_event (stream, handler, of_key) WHERE of_key IS NOT NULL`,
    `CREATE INDEX ON millrace.discarded_event (stream, handler, of_key) WHERE of_key IS NOT NULL`,
    // a second old at most, and of no use after a crash: nothing of it is worth a log record
    `CREATE UNLOGGED TABLE millrace.report (
       stream text NOT NULL, id text NOT NULL, body text NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (stream, id)
     ) WITH (fillfactor = 50)`
  ]
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})

// the number of partitions may be changed while they are read
const repartition = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const statements = [
    // what was published to before, and where each of its partitions ends in the stream; null: to be looked up again
    `CREATE TABLE millrace.topology (
       stream text NOT NULL, first int NOT NULL, partitions int NOT NULL, ends bigint[],
       ended_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (stream, first)
     )`,
    // numbers are given once: what is published to now begins with the first that no topology before had. From the first
    // change on `partitions` is negative: versions of before compare it with their own number, and must not start
    `ALTER TABLE millrace.relay ADD COLUMN first int NOT NULL DEFAULT 0, ADD COLUMN wanted int`,
    `ALTER TABLE millrace.lease ADD COLUMN ended boolean NOT NULL DEFAULT false`,
    // instances of before know one number of partitions only
    `ALTER TABLE millrace.instance ADD COLUMN can_repartition boolean NOT NULL DEFAULT false`
  ]
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})

// violations stay on record; what somebody has looked into no longer counts
const acknowledgeViolations = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const statements = [
    `ALTER TABLE millrace.order_violation ADD COLUMN acknowledged_at timestamptz, ADD COLUMN acknowledged_by text,
       ADD COLUMN acknowledged_why text`,
    `CREATE INDEX ON millrace.order_violation (stream, handler) WHERE acknowledged_at IS NULL`,
    `ALTER TABLE millrace.operation ADD COLUMN key text`
  ]
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})

// the partition is the key's hash, which only the code knows
const carryOverParked = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{
    readonly stream: string
    readonly handler: string
    readonly key: string
    readonly partitions: number
  }>`SELECT p.stream, p.handler, p.key, r.partitions FROM millrace.progress p JOIN millrace.relay r ON r.stream = p.stream
    WHERE p.parked`
  if (rows.length === 0) return
  yield* sql`
    INSERT INTO millrace.parked_key (stream, handler, key, partition, status, attempts, reason_tag, reason_message,
      reason_stack, history, parked_at)
    SELECT x.stream, x.handler, x.key, x.partition, 'parked', coalesce(e.attempts, 0), coalesce(e.reason_tag, ''),
      coalesce(e.reason_message, ''), '', '[]', coalesce(e.parked_at, clock_timestamp())
    FROM unnest(${rows.map((row) => row.stream)}::text[], ${rows.map((row) => row.handler)}::text[], ${rows.map((row) => row.key)}::text[],
      ${rows.map((row) => partitionOf(slotOf(row.key), row))}::int[]) AS x(stream, handler, key, partition)
    LEFT JOIN LATERAL (
      SELECT * FROM millrace.parked_event e WHERE e.stream = x.stream AND e.handler = x.handler AND e.key = x.key
      ORDER BY (e.reason_tag IS NULL), version LIMIT 1
    ) e ON true`
})

/** The library's own tables. */
export const pipelineMigrations: MigrationSet = {
  "0001_create_tables": createTables,
  "0002_describe_instances": describeInstances,
  "0003_fix_partitions": fixPartitions,
  "0004_keep_published": keepPublished,
  "0005_park_keys": parkKeys,
  "0006_note_effects": noteEffects,
  "0007_balance_handlers": balanceHandlers,
  "0008_operate": operate,
  "0009_repartition": repartition,
  "0010_acknowledged_violations": acknowledgeViolations
}
