import { Effect } from "effect"
import { Migrator, SqlClient } from "effect/sql"

/** A set of migrations by name, `0001_what_it_does`, applied in order, each once. */
export type MigrationSet = Parameters<typeof Migrator.fromRecord>[0]

// Any constant will do as long as it stays the same; it is the library's own.
const migrationLock = 7_119_337

/**
 * Brings the database to the newest version. Safe when several processes start together: they take turns, by a lock
 * that lasts for the transaction, so that poolers and dead sessions cannot keep it.
 */
export const migrate = Effect.fn("Migrations.migrate")(function* (table: string, migrations: MigrationSet) {
  const sql = yield* SqlClient.SqlClient
  const run = Migrator.make({})({ loader: Migrator.fromRecord(migrations), table })
  return yield* sql.withTransaction(sql`SELECT pg_advisory_xact_lock(${migrationLock})`.pipe(Effect.andThen(run)))
})

const createTables = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const statements = [
    `CREATE SCHEMA IF NOT EXISTS millrace`,
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

/** The library's own tables, in the schema `millrace`. */
export const pipelineMigrations: MigrationSet = {
  "0001_create_tables": createTables,
  "0002_describe_instances": describeInstances,
  "0003_fix_partitions": fixPartitions,
  "0004_keep_published": keepPublished
}

/** Brings the library's own tables to the newest version. */
export const migratePipeline = migrate("millrace_migrations", pipelineMigrations)
