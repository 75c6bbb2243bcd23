import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { type AuditFacts, AuditStore, type HandlerFacts } from "../../pipeline/AuditStore.ts"
import { asStoreUnavailable } from "./sqlFailure.ts"

interface KeyRow {
  readonly handler: string
  readonly key: string
  readonly n: bigint
}

const look = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (stream: string) {
    const [stored] = yield* sql<{
      readonly first: number
      readonly partitions: number | null
      readonly remade: boolean
    }>`
      SELECT first, abs(partitions) AS partitions, remade FROM millrace.relay WHERE stream = ${stream}`
    const heads = yield* sql<{ readonly key: string; readonly version: bigint }>`
      SELECT key, version FROM millrace.head WHERE stream = ${stream}`
    const waiting = yield* sql<{ readonly key: string; readonly eventId: string }>`
      SELECT key, event_id AS "eventId" FROM millrace.outbox WHERE stream = ${stream} AND NOT again ORDER BY id`
    const kept = yield* sql<{ readonly key: string; readonly version: bigint; readonly seq: bigint | null }>`
      SELECT key, version, NULL::bigint AS seq FROM millrace.outbox WHERE stream = ${stream} AND again
      UNION ALL SELECT key, version, seq FROM millrace.published WHERE stream = ${stream}`
    const leases = yield* sql<{ readonly handler: string; readonly partition: number; readonly cursor: bigint }>`
      SELECT handler, partition, cursor FROM millrace.lease WHERE stream = ${stream} ORDER BY handler, partition`
    const progress = yield* sql<KeyRow>`
      SELECT handler, key, version AS n FROM millrace.progress WHERE stream = ${stream}`
    const beyond = yield* sql<KeyRow>`
      SELECT handler, key, version AS n FROM millrace.handled WHERE stream = ${stream}`
    const parked = yield* sql<KeyRow>`
      SELECT handler, coalesce(of_key, key) AS key, count(*) AS n FROM millrace.parked_event WHERE stream = ${stream} GROUP BY 1, 2`
    const discarded = yield* sql<KeyRow>`
      SELECT handler, coalesce(of_key, key) AS key, count(*) AS n FROM millrace.discarded_event WHERE stream = ${stream} GROUP BY 1, 2`
    const violations = yield* sql<KeyRow & { readonly open: boolean }>`
      SELECT handler, key, version AS n, acknowledged_at IS NULL AS open FROM millrace.order_violation WHERE stream = ${stream} ORDER BY id`
    const names = [...new Set(leases.map(({ handler }) => handler))]
    const facts: AuditFacts = {
      topology: { first: stored?.first ?? 0, partitions: stored?.partitions ?? 0 },
      heads: heads.map(({ key, version }) => ({ key, version: Number(version) })),
      waiting,
      kept: kept.map(({ key, seq, version }) => ({
        key,
        version: Number(version),
        seq: seq === null ? undefined : Number(seq)
      })),
      remade: stored?.remade ?? false,
      handlers: names.map((name): HandlerFacts => ({
        name,
        cursors: new Map(
          leases.filter(({ handler }) => handler === name).map((row) => [row.partition, Number(row.cursor)])
        ),
        progress: byKey(progress, name),
        beyond: beyondOf(beyond, name),
        parked: byKey(parked, name),
        discarded: byKey(discarded, name),
        violations: violations
          .filter(({ handler }) => handler === name)
          .map(({ key, n, open }) => ({ key, version: Number(n), isOpen: open }))
      }))
    }
    return facts
  })

const byKey = (rows: ReadonlyArray<KeyRow>, name: string): ReadonlyMap<string, number> =>
  new Map(rows.filter(({ handler }) => handler === name).map(({ key, n }) => [key, Number(n)]))

const beyondOf = (rows: ReadonlyArray<KeyRow>, name: string): ReadonlyMap<string, ReadonlySet<number>> =>
  new Map(
    [
      ...Map.groupBy(
        rows.filter(({ handler }) => handler === name),
        ({ key }) => key
      )
    ].map(([key, of]) => [key, new Set(of.map(({ n }) => Number(n)))])
  )

/** The facts in Postgres, in one read-only transaction that sees one snapshot. */
export const layer: Layer.Layer<AuditStore, never, SqlClient.SqlClient> = Layer.effect(
  AuditStore,
  Effect.map(SqlClient.SqlClient, (sql) => ({
    facts: (stream) =>
      sql
        .withTransaction(look(sql)(stream))
        .pipe(
          Effect.provideService(SqlClient.BeginTransaction, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
          asStoreUnavailable("AuditStore.facts")
        )
  }))
)
