import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { Counter, KnownStream, MigrationsDone, TableShape } from "../../pipeline/BackupStore.ts"

/** What is true of running processes only. Tables that are not logged are left out with them. */
const ofProcesses: ReadonlyArray<string> = ["instance"]

/** A set of migrations by the name it has in every backup, and where it may be written down which of them were made. */
export interface MigrationPlaces {
  readonly table: string
  /** The first that is there. */
  readonly places: ReadonlyArray<string>
}

/** Which tables are copied: all of the library's, and those of the application that it names; not who was migrated when. */
export interface BackupScope {
  /** Where the library's own tables are. */
  readonly schema: string
  readonly appTables: ReadonlyArray<string>
  readonly migrations: ReadonlyArray<MigrationPlaces>
}

/**
 * What a copied row says instead of what it said: nobody owns anything any more; and since only a part of the stream comes
 * back, it does not begin with the first event.
 */
const reset: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  relay: { owner: "NULL::text", expires_at: "'-infinity'::timestamptz", remade: "true" },
  lease: { owner: "NULL::text", expires_at: "'-infinity'::timestamptz" }
}

/** `"millrace"."outbox"`. */
export const quoted = ({ name, schema }: TableShape) => `${identifier(schema)}.${identifier(name)}`

/** As an identifier, whatever is in it. */
export const identifier = (name: string) => `"${name.replaceAll('"', '""')}"`

/** The column's name, without its type. */
export const columnOf = (column: string) => column.slice(0, column.lastIndexOf(": "))

/** A whole row of `copied`. A shorter name could be a column's, and would mean that. */
export const wholeRow = '"the whole row"'

/** The table as it is copied, for a FROM. */
export const copied = (table: TableShape, ownSchema: string) => {
  const columns = table.columns.map(columnOf).map((name) => {
    const instead = table.schema === ownSchema ? reset[table.name]?.[name] : undefined
    return instead === undefined ? identifier(name) : `${instead} AS ${identifier(name)}`
  })
  return `(SELECT ${columns.join(", ")} FROM ${quoted(table)}) AS ${wholeRow}`
}

/** All tables that are copied. Read from the catalogue: a table that a later migration adds is copied too. */
export const tablesIn = (sql: SqlClient.SqlClient, { appTables, migrations, schema }: BackupScope) =>
  sql<TableShape>`
    SELECT n.nspname AS schema, c.relname AS name, (
      SELECT json_agg(a.attname || ': ' || format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) FROM pg_attribute a
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND NOT c.relname = ANY(${ofProcesses}::text[])
      AND NOT EXISTS (
        SELECT 1 FROM unnest(${migrations.flatMap(({ places }) => places)}::text[]) AS m WHERE to_regclass(m) = c.oid)
      AND (n.nspname = ${schema} OR c.oid IN (SELECT to_regclass(t) FROM unnest(${appTables}::text[]) AS t))
    ORDER BY c.relname`

/** The migrations that were made, as they are called in code. None when there is no table yet. */
export const migrationsIn = (sql: SqlClient.SqlClient, { migrations }: BackupScope) =>
  Effect.forEach(
    migrations,
    Effect.fnUntraced(function* ({ places, table }) {
      const [there] = yield* sql<{ readonly place: string }>`
        SELECT p AS place FROM unnest(${places}::text[]) WITH ORDINALITY AS t(p, i) WHERE to_regclass(p) IS NOT NULL ORDER BY i LIMIT 1`
      if (there === undefined) return { table, done: [] } satisfies MigrationsDone
      const rows = yield* sql<{ readonly id: number; readonly name: string }>`
        SELECT migration_id::int AS id, name FROM ${sql(there.place)} ORDER BY 1`
      return { table, done: rows.map(({ id, name }) => `${String(id).padStart(4, "0")}_${name}`) }
    })
  )

/** Where every column that counts is now. Nobody's transaction holds that back, so it is behind all rows of a snapshot. */
export const countersOf = (sql: SqlClient.SqlClient, tables: ReadonlyArray<TableShape>) =>
  Effect.forEach(
    tables.flatMap((table) => table.columns.map((column) => ({ table, column: columnOf(column) }))),
    ({ column, table }) =>
      sql<Counter>`
        SELECT ${table.name} AS table, ${column} AS column, pg_sequence_last_value(s)::text AS value
        FROM (SELECT pg_get_serial_sequence(${quoted(table)}, ${column})::regclass AS s) AS of
        WHERE s IS NOT NULL AND pg_sequence_last_value(s) IS NOT NULL`
  ).pipe(Effect.map((found) => found.flat()))

interface PlaceRow {
  readonly stream: string
  readonly handler: string
  readonly partition: number | null
  readonly cursor: bigint
}

interface StreamRow {
  readonly name: string
  readonly lastSeq: bigint
  readonly created: string
  readonly partitions: number | null
}

/**
 * Each stream with its position, and its handlers' places. A balanced handler has one place, of all partitions. One that still
 * has partitions of before their number was changed goes on behind the furthest of them, with partitions it has no lease of yet.
 */
export const streamsIn = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  const rows = yield* sql<StreamRow>`
    SELECT stream AS name, last_seq AS "lastSeq", stream_created AS created, abs(partitions) AS partitions FROM millrace.relay ORDER BY 1`
  const places = yield* sql<PlaceRow>`
    SELECT stream, handler, partition, cursor FROM millrace.lease WHERE delivery IS DISTINCT FROM 'balanced'
    UNION ALL SELECT stream, handler, NULL, min(cursor) FROM millrace.lease WHERE delivery = 'balanced' GROUP BY 1, 2
    UNION ALL SELECT l.stream, l.handler, NULL, max(l.cursor) FROM millrace.lease l JOIN millrace.relay r ON r.stream = l.stream
      WHERE l.delivery IS DISTINCT FROM 'balanced' GROUP BY 1, 2, r.first HAVING min(l.partition) < r.first`
  return rows.map(({ created, lastSeq, name, partitions }): KnownStream => ({
    name,
    created,
    lastSeq: Number(lastSeq),
    partitions: partitions ?? 0,
    places: places
      .filter(({ stream }) => stream === name)
      .map(({ cursor, handler, partition }) => ({ handler, partition: partition ?? undefined, cursor: Number(cursor) }))
  }))
})
