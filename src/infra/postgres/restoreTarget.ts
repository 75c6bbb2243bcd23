import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { RestoreTarget, TableShape } from "../../pipeline/BackupStore.ts"
import { type BackupScope, migrationsIn, quoted, tablesIn } from "./backupTables.ts"

/** What is there: which tables, which of them have rows, and who is at work. */
export const targetOf = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, scope: BackupScope) {
  const tables = yield* tablesIn(sql, scope)
  const filled = yield* Effect.forEach(tables, (table) => countOf(sql, table))
  return {
    migrations: yield* migrationsIn(sql, scope),
    tables,
    filled: filled.filter(({ rows }) => rows > 0),
    live: tables.some(({ name }) => name === "relay") ? yield* liveIn(sql) : []
  } satisfies RestoreTarget
})

const countOf = (sql: SqlClient.SqlClient, table: TableShape) =>
  sql
    .unsafe<{ readonly rows: bigint }>(`SELECT count(*) AS rows FROM ${quoted(table)}`)
    .pipe(Effect.map(([row]) => ({ name: table.name, rows: Number(row?.rows ?? 0) })))

// An instance signs in; whoever leads the relay or owns a partition without that is one that is about to go, or to come.
const liveIn = (sql: SqlClient.SqlClient) =>
  sql<{ readonly who: string }>`
    SELECT id || ' on ' || host AS who FROM millrace.instance WHERE expires_at > clock_timestamp()
    UNION SELECT o.owner FROM (
      SELECT owner FROM millrace.relay WHERE expires_at > clock_timestamp()
      UNION SELECT owner FROM millrace.lease WHERE expires_at > clock_timestamp()) AS o
    WHERE o.owner IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM millrace.instance i WHERE i.id = o.owner AND i.expires_at > clock_timestamp())`.pipe(
    Effect.map((rows) => rows.map(({ who }) => who))
  )
