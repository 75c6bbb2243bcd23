import { Effect, Stream } from "effect"
import type { SqlClient } from "effect/sql"
import type { CopiedRow, TableShape, TableSum } from "../../pipeline/BackupStore.ts"
import type { StoreUnavailable } from "../../pipeline/PipelineError.ts"
import { copied, wholeRow } from "./backupTables.ts"
import { asStoreUnavailable, storeUnavailable } from "./sqlFailure.ts"

/** A row's part of the digest: 60 bits of it, so that a sum of them is the same in any order. */
const partOf = `('x' || left(md5(${wholeRow}::text), 15))::bit(60)::bigint`

/** A table's rows as they come, in no order: the driver stops the socket while nobody takes them. */
export const rowsOf = (
  sql: SqlClient.SqlClient,
  table: TableShape,
  ownSchema: string
): Stream.Stream<CopiedRow, StoreUnavailable> =>
  sql
    .unsafe<CopiedRow>(
      `SELECT to_json(${wholeRow}::text)::text AS line, ${partOf} AS part FROM ${copied(table, ownSchema)}`
    )
    .stream.pipe(Stream.mapError((error) => storeUnavailable(`copy ${table.name}`, error)))

/** What a table holds now, summed up where it is. */
export const sumOf = (
  sql: SqlClient.SqlClient,
  table: TableShape,
  ownSchema: string
): Effect.Effect<TableSum, StoreUnavailable> =>
  sql
    .unsafe<{ readonly rows: bigint; readonly digest: string }>(
      `SELECT count(*) AS rows, coalesce(sum(${partOf}::numeric), 0)::text AS digest FROM ${copied(table, ownSchema)}`
    )
    .pipe(
      Effect.map(([row]) => ({ rows: Number(row?.rows ?? 0), digest: row?.digest ?? "0" })),
      asStoreUnavailable(`sum up ${table.name}`)
    )

/** Events of a stream that would be published again if it was lost. */
export const keptOf = (sql: SqlClient.SqlClient, stream: string) =>
  sql<{ readonly n: bigint }>`SELECT count(*) AS n FROM millrace.published WHERE stream = ${stream}`.pipe(
    Effect.map(([row]) => Number(row?.n ?? 0)),
    asStoreUnavailable("count kept rows")
  )
