import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { Backlog } from "../../pipeline/Backlog.ts"
import { asStoreUnavailable } from "./sqlFailure.ts"

/** The backlog in Postgres. */
export const layer: Layer.Layer<Backlog, never, SqlClient.SqlClient> = Layer.effect(
  Backlog,
  Effect.map(SqlClient.SqlClient, (sql) =>
    Backlog.of({
      measure: (stream, rowsMax) =>
        sql<{ readonly rows: bigint; readonly oldest_ms: number }>`
          WITH waiting AS (
            SELECT o.id, o.appended_at FROM millrace.outbox o WHERE o.stream = ${stream} AND NOT EXISTS (
              SELECT 1 FROM millrace.held_key h WHERE h.stream = o.stream AND h.key = o.key AND o.id >= h.from_id)
            ORDER BY o.id LIMIT ${rowsMax}::bigint
          )
          SELECT count(*) AS rows, coalesce(extract(epoch FROM clock_timestamp() - min(appended_at)) * 1000, 0)::float8 AS oldest_ms
          FROM waiting`.pipe(
          Effect.map(([row]) => ({ rows: Number(row?.rows ?? 0), oldestMs: Math.max(0, row?.oldest_ms ?? 0) })),
          asStoreUnavailable("Backlog.measure")
        )
    })
  )
)
