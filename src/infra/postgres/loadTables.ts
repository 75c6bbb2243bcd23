import { Effect, Stream } from "effect"
import type { SqlClient } from "effect/sql"
import {
  type Counter,
  type EventsLoad,
  type Load,
  TableDiffers,
  type TableLoad,
  type TableShape
} from "../../pipeline/BackupStore.ts"
import { slotOf } from "../../pipeline/Partition.ts"
import type { SeenEvent } from "../../pipeline/StreamView.ts"
import { type BackupScope, columnOf, identifier, quoted, tablesIn } from "./backupTables.ts"
import { sumOf } from "./copyTables.ts"
import { inOwnWords } from "./ownWords.ts"
import { bigints } from "./parameters.ts"
import { inTransaction } from "./PgTransactor.ts"
import { targetOf } from "./restoreTarget.ts"
import { asStoreUnavailable } from "./sqlFailure.ts"

/** One transaction: all of it is there in the end, or what was there before. */
export const loadTables = <E>(sql: SqlClient.SqlClient, scope: BackupScope, load: Load<E>) =>
  inTransaction(sql, "BackupStore.load", steps(sql, scope, load)).pipe(asStoreUnavailable("BackupStore.load"))

const steps = Effect.fnUntraced(function* <E>(sql: SqlClient.SqlClient, scope: BackupScope, load: Load<E>) {
  yield* inOwnWords(sql)
  const here = yield* tablesIn(sql, scope)
  // Instances that want to begin meanwhile wait, and find everything or nothing.
  yield* sql.unsafe(`LOCK TABLE ${here.map(quoted).join(", ")} IN ACCESS EXCLUSIVE MODE`)
  yield* load.check(yield* targetOf(sql, scope))
  if (load.replaces) yield* sql.unsafe(`TRUNCATE ${here.map(quoted).join(", ")}`)
  const shapes = new Map(here.map((table) => [table.name, table]))
  const hereOf = (name: string) => Effect.orDie(Effect.fromNullishOr(shapes.get(name)))
  yield* Effect.forEach(load.tables, (of) =>
    Effect.flatMap(hereOf(of.table.name), (table) => loadTable(sql, table, of, scope.schema))
  )
  yield* Effect.forEach(load.counters, (of) => Effect.flatMap(hereOf(of.table), (table) => setCounter(sql, table, of)))
  yield* Effect.forEach(load.events, (events) => keepEvents(sql, events), { discard: true })
  yield* load.beforeCommit
})

const loadTable = Effect.fnUntraced(function* <E>(
  sql: SqlClient.SqlClient,
  table: TableShape,
  { rows, sum }: TableLoad<E>,
  ownSchema: string
) {
  const columns = table.columns.map((column) => identifier(columnOf(column))).join(", ")
  const insert = `INSERT INTO ${quoted(table)} (${columns}) OVERRIDING SYSTEM VALUE
    SELECT ${columns} FROM unnest(($1::text[])::${quoted(table)}[]) AS r`
  yield* Stream.runForEach(rows, (some) => sql.unsafe(insert, [some]))
  const found = yield* sumOf(sql, table, ownSchema)
  if (found.rows === sum.rows && found.digest === sum.digest) return
  return yield* new TableDiffers({ table: table.name, rows: found.rows, rowsCopied: sum.rows })
})

// Rows of before may be gone, and their numbers must not be given again: an outbox row's id is its place in its key.
const setCounter = (sql: SqlClient.SqlClient, table: TableShape, { column, value }: Counter) =>
  sql`SELECT setval(pg_get_serial_sequence(${quoted(table)}, ${column})::regclass, ${value}::bigint)`

/** As rows that the relay has kept: it finds a stream made anew, and publishes them again, each key in its order. */
const keepEvents = <E>(sql: SqlClient.SqlClient, { events, stream }: EventsLoad<E>) =>
  Stream.runForEach(events, (some) => keepSome(sql, stream, some))

const keepSome = (sql: SqlClient.SqlClient, stream: string, events: ReadonlyArray<SeenEvent>) =>
  sql`
    INSERT INTO millrace.published (stream, id, event_id, key, version, slot, type, traceparent, payload, appended_at, seq)
    SELECT ${stream}, id, event_id, key, version, slot, type, traceparent, payload, to_timestamp(ms / 1000.0), seq
    FROM unnest(${bigints(events.map((e) => e.outboxId))}::bigint[], ${events.map((e) => e.eventId)}::uuid[],
      ${events.map((e) => e.key)}::text[], ${bigints(events.map((e) => e.version))}::bigint[],
      ${events.map((e) => slotOf(e.key))}::int[], ${events.map((e) => e.type)}::text[],
      ${events.map((e) => e.traceparent)}::text[], ${events.map((e) => e.payload)}::text[],
      ${bigints(events.map((e) => e.storedAtMs))}::bigint[], ${bigints(events.map((e) => e.seq))}::bigint[])
      AS e(id, event_id, key, version, slot, type, traceparent, payload, ms, seq)
    ON CONFLICT DO NOTHING`
