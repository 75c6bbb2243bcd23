import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { BackupStore, type TablesSnapshot } from "../../pipeline/BackupStore.ts"
import { type BackupScope, countersOf, migrationsIn, streamsIn, tablesIn } from "./backupTables.ts"
import { keptOf, rowsOf, sumOf } from "./copyTables.ts"
import { loadTables } from "./loadTables.ts"
import { inSchema } from "./PgSchema.ts"
import { inOwnWords } from "./ownWords.ts"
import { targetOf } from "./restoreTarget.ts"
import { asStoreUnavailable } from "./sqlFailure.ts"

/**
 * The tables in Postgres, copied and put back.
 *
 * A snapshot is one REPEATABLE READ, read-only transaction. While it lasts Postgres removes no dead rows, which the doctor
 * reports as an old snapshot.
 */
export const layer = (scope: BackupScope): Layer.Layer<BackupStore, never, SqlClient.SqlClient> =>
  Layer.effect(
    BackupStore,
    Effect.map(SqlClient.SqlClient, (client) => {
      const sql = inSchema(client, scope.schema)
      return BackupStore.of({
        snapshot: (use) =>
          sql
            .withTransaction(Effect.flatMap(look(sql, scope), use))
            .pipe(
              Effect.provideService(SqlClient.BeginTransaction, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
              asStoreUnavailable("BackupStore.snapshot")
            ),
        target: asStoreUnavailable("BackupStore.target")(targetOf(sql, scope)),
        load: (load) => loadTables(sql, scope, load)
      })
    })
  )

const look = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, scope: BackupScope) {
  yield* inOwnWords(sql)
  const [now] = yield* sql<{ readonly at: string; readonly postgres: string }>`
    SELECT to_char(clock_timestamp(), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at, current_setting('server_version') AS postgres`
  const tables = yield* tablesIn(sql, scope)
  return {
    takenAt: now?.at ?? "",
    postgres: now?.postgres ?? "",
    migrations: yield* migrationsIn(sql, scope),
    tables,
    counters: yield* countersOf(sql, tables),
    streams: tables.some(({ name }) => name === "relay") ? yield* streamsIn(sql) : [],
    rows: (table) => rowsOf(sql, table, scope.schema),
    sum: (table) => sumOf(sql, table, scope.schema),
    kept: (stream) => keptOf(sql, stream)
  } satisfies TablesSnapshot
})
