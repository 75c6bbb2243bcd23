import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { EventPlace, HandlerPlace, Outcome } from "../../pipeline/PipelineView.ts"
import { bigints } from "./parameters.ts"
import { asStoreUnavailable } from "./sqlFailure.ts"

/**
 * Which handlers have made this of which events. Each event is looked up by its name, for each handler; what a balanced one
 * has put aside has a name of its own. Taken out and put aside come before progress, which has passed them.
 */
export const having =
  (sql: SqlClient.SqlClient) => (stream: string, events: ReadonlyArray<EventPlace>, outcome: Outcome) =>
    sql<{ readonly handler: string; readonly key: string; readonly version: number }>`
      SELECT handler, key, version::float8 FROM (
        SELECT h.handler, a.key, a.version, CASE
          WHEN EXISTS (SELECT 1 FROM millrace.discarded_event d WHERE d.stream = ${stream} AND d.handler = h.handler
            AND d.key IN (a.key, a.key || '@' || a.version) AND coalesce(d.of_key, d.key) = a.key AND d.version = a.version) THEN 'discarded'
          WHEN p.name IS NOT NULL THEN CASE
            WHEN EXISTS (SELECT 1 FROM millrace.parked_event b WHERE b.stream = ${stream} AND b.handler = h.handler
              AND b.key = p.name AND b.version < a.version) THEN 'behind'
            ELSE coalesce((SELECT status FROM millrace.parked_key k
              WHERE k.stream = ${stream} AND k.handler = h.handler AND k.key = p.name), 'behind') END
          WHEN a.version <= coalesce((SELECT g.version FROM millrace.progress g
            WHERE g.stream = ${stream} AND g.handler = h.handler AND g.key = a.key), 0)
            OR EXISTS (SELECT 1 FROM millrace.handled l WHERE l.stream = ${stream} AND l.handler = h.handler
              AND l.key = a.key AND l.version = a.version) THEN 'handled'
          ELSE 'waiting' END AS outcome
        FROM (SELECT DISTINCT handler FROM millrace.lease WHERE stream = ${stream}) h
        CROSS JOIN unnest(${events.map(({ key }) => key)}::text[], ${bigints(events.map(({ version }) => version))}::bigint[]) AS a(key, version)
        LEFT JOIN LATERAL (SELECT e.key AS name FROM millrace.parked_event e WHERE e.stream = ${stream} AND e.handler = h.handler
          AND e.key IN (a.key, a.key || '@' || a.version) AND coalesce(e.of_key, e.key) = a.key AND e.version = a.version LIMIT 1) p ON true
      ) found WHERE outcome = ${outcome} ORDER BY handler`.pipe(
      Effect.map((rows): ReadonlyArray<HandlerPlace> => rows),
      asStoreUnavailable("PipelineView.having")
    )
