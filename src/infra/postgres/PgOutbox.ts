import { Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { EventLog } from "../../pipeline/EventLog.ts"
import { type Appended, type NewEntry, Outbox } from "../../pipeline/Outbox.ts"
import { VersionConflict } from "../../pipeline/PipelineError.ts"
import { outboxDoorbell } from "../../pipeline/Relay.ts"
import { asStoreUnavailable } from "./sqlFailure.ts"

interface Inserted {
  readonly event_id: string
  readonly key: string
  readonly version: bigint
}

// The same as below for what most transactions append. Its plan does not depend on its values, so the server keeps it;
// planning the other one takes longer than running it.
const insertOne = (sql: SqlClient.SqlClient, stream: string, entry: NewEntry, expected: number | null) =>
  sql<Inserted>`
    WITH moved AS (
      INSERT INTO millrace.head AS h (stream, key, version) SELECT ${stream}, ${entry.key}, 1
      WHERE ${expected}::bigint IS NULL OR ${expected}::bigint = 0
        OR EXISTS (SELECT 1 FROM millrace.head k WHERE k.stream = ${stream} AND k.key = ${entry.key})
      ON CONFLICT (stream, key) DO UPDATE SET version = h.version + 1
        WHERE ${expected}::bigint IS NULL OR h.version = ${expected}::bigint
      RETURNING version
    )
    INSERT INTO millrace.outbox (stream, event_id, key, version, slot, type, traceparent, payload)
    SELECT ${stream}, ${entry.eventId}::uuid, ${entry.key}, version, ${entry.slot}::int, ${entry.type}, ${entry.traceparent},
      ${entry.payload} FROM moved
    RETURNING event_id, key, version`

const insertMany = (
  sql: SqlClient.SqlClient,
  stream: string,
  entries: ReadonlyArray<NewEntry>,
  expected: number | null
) => {
  const heads = countByKey(entries)
  const place = placesInKey(entries)
  return sql<Inserted>`
    WITH wanted AS (
      SELECT key, n FROM unnest(${heads.map(([key]) => key)}::text[], ${heads.map(([, n]) => n)}::int[]) AS w(key, n)
      WHERE ${expected}::bigint IS NULL OR ${expected}::bigint = 0
        OR EXISTS (SELECT 1 FROM millrace.head h WHERE h.stream = ${stream} AND h.key = w.key)
      ORDER BY key
    ), moved AS (
      INSERT INTO millrace.head AS h (stream, key, version) SELECT ${stream}, key, n FROM wanted ORDER BY key
      ON CONFLICT (stream, key) DO UPDATE SET version = h.version + excluded.version
        WHERE ${expected}::bigint IS NULL OR h.version = ${expected}::bigint
      RETURNING key, version
    )
    INSERT INTO millrace.outbox (stream, event_id, key, version, slot, type, traceparent, payload)
    SELECT ${stream}, e.event_id, e.key, m.version - e.behind, e.slot, e.type, e.traceparent, e.payload
    FROM unnest(
      ${entries.map((e) => e.eventId)}::uuid[], ${entries.map((e) => e.key)}::text[], ${place}::int[],
      ${entries.map((e) => e.slot)}::int[], ${entries.map((e) => e.type)}::text[],
      ${entries.map((e) => e.traceparent)}::text[], ${entries.map((e) => e.payload)}::text[]
    ) WITH ORDINALITY AS e(event_id, key, behind, slot, type, traceparent, payload, i)
    JOIN moved m USING (key)
    ORDER BY e.i
    RETURNING event_id, key, version`
}

/**
 * The outbox in Postgres: one statement per append, whatever the number of events and keys.
 *
 * Guarantees: the upsert of the key's head takes the key's lock and an xid before any id of that key is drawn, and
 * holds the lock to the end of the transaction. Hence, for one key, id order = version order = commit order, and a
 * snapshot that shows a row shows all earlier rows of its key (notes/outbox-ordering.md, section 1).
 */
export const layer: Layer.Layer<Outbox, never, SqlClient.SqlClient | EventLog> = Layer.effect(
  Outbox,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const log = yield* EventLog

    const insert = (stream: string, entries: ReadonlyArray<NewEntry>, expected: number | null) => {
      const [first] = entries
      return first !== undefined && entries.length === 1
        ? insertOne(sql, stream, first, expected)
        : insertMany(sql, stream, entries, expected)
    }

    const append = Effect.fn("Outbox.append")(function* (
      stream: string,
      entries: ReadonlyArray<NewEntry>,
      options: { readonly expectedVersion?: number }
    ) {
      const transaction = yield* Effect.serviceOption(sql.transactionService)
      if (Option.isNone(transaction)) return yield* Effect.die(new Error(outsideTransaction))
      if (entries.length === 0) return []
      const expected = options.expectedVersion ?? null
      const [first] = entries
      if (expected !== null && entries.some((entry) => entry.key !== first?.key))
        return yield* Effect.die(new Error(severalKeys))
      const rows = yield* insert(stream, entries, expected).pipe(asStoreUnavailable("Outbox.append"))
      if (rows.length !== entries.length) {
        return yield* new VersionConflict({ key: first?.key ?? "", expectedVersion: expected ?? 0 })
      }
      yield* sql.afterCommit(log.ring(outboxDoorbell(stream)))
      return rows.map((row): Appended => ({ eventId: row.event_id, key: row.key, version: Number(row.version) }))
    })

    return Outbox.of({ append })
  })
)

const outsideTransaction =
  "Outbox.append was called outside a transaction: run it inside sql.withTransaction (or Transactor.run), together with the change that causes the event"

const severalKeys = "Outbox.append was given an expectedVersion and events of several keys: append each key by itself"

// Sorted, so that transactions which touch the same keys lock them in the same order.
const countByKey = (entries: ReadonlyArray<NewEntry>): ReadonlyArray<readonly [string, number]> => {
  const counts = new Map<string, number>()
  for (const { key } of entries) counts.set(key, (counts.get(key) ?? 0) + 1)
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** How many of its key's entries come after each entry. */
const placesInKey = (entries: ReadonlyArray<NewEntry>): ReadonlyArray<number> => {
  const behind = new Map<string, number>()
  return entries
    .toReversed()
    .map(({ key }) => {
      const after = behind.get(key) ?? 0
      behind.set(key, after + 1)
      return after
    })
    .reverse()
}
