import type { SqlClient } from "effect/sql"

/** How long a copy may stand still, by a disk or a broker that is slow, before Postgres ends it. */
const idleMax = "5min"

/**
 * For the open transaction: rows as text that any other Postgres reads as the same, whatever the role or the server prefers;
 * and time enough for a large table, which sessions of ours do not have otherwise.
 */
export const inOwnWords = (sql: SqlClient.SqlClient) =>
  sql`SELECT set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true),
    set_config('IntervalStyle', 'postgres', true), set_config('extra_float_digits', '1', true),
    set_config('bytea_output', 'hex', true), set_config('statement_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', ${idleMax}, true)`
