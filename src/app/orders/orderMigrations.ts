import { Effect } from "effect"
import { SqlClient } from "effect/sql"

const createTables = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const statements = [
    `CREATE TABLE orders (
       order_id text PRIMARY KEY, user_id text NOT NULL, version int NOT NULL, state json NOT NULL,
       created_at timestamptz NOT NULL DEFAULT clock_timestamp()
     )`,
    `CREATE INDEX orders_of_user ON orders (user_id, created_at DESC)`,
    `CREATE TABLE inventory (sku text PRIMARY KEY, available bigint NOT NULL CHECK (available >= 0)) WITH (fillfactor = 50)`,
    `CREATE TABLE command_answer (
       key text PRIMARY KEY, fingerprint text NOT NULL, answer json NOT NULL,
       answered_at timestamptz NOT NULL DEFAULT clock_timestamp()
     )`,
    `CREATE INDEX command_answer_age ON command_answer (answered_at)`,
    `CREATE TABLE order_view (
       order_id text PRIMARY KEY, user_id text NOT NULL, state json NOT NULL,
       created_at timestamptz NOT NULL DEFAULT clock_timestamp()
     )`,
    `CREATE INDEX order_view_of_user ON order_view (user_id, created_at DESC)`,
    // deliberately without a unique constraint: it records what was applied, so that a doubled effect would show
    `CREATE TABLE order_history (
       n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_id text NOT NULL, type text NOT NULL, event_id uuid NOT NULL,
       version bigint NOT NULL, occurred_at timestamptz NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
     )`,
    `CREATE INDEX order_history_of_order ON order_history (order_id, n)`,
    `CREATE TABLE user_points (user_id text PRIMARY KEY, points bigint NOT NULL) WITH (fillfactor = 70)`
  ]
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})

const sumRevenue = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  // one order may come to 10^15 minor units, and a day has many
  yield* sql`CREATE TABLE daily_revenue (
    day date NOT NULL, sku text NOT NULL, currency text NOT NULL, units bigint NOT NULL, amount numeric NOT NULL,
    PRIMARY KEY (day, sku, currency)
  ) WITH (fillfactor = 70)`
})

/** The order app's own tables. */
export const orderMigrations = { "0001_create_order_tables": createTables, "0002_sum_revenue": sumRevenue }

/** Where it is written down which of them were made. */
export const orderMigrationsTable = "order_migrations"

/** The tables they make. */
export const orderTables = [
  "orders",
  "inventory",
  "command_answer",
  "order_view",
  "order_history",
  "user_points",
  "daily_revenue"
] as const
