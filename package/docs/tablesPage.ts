/** The library's tables as the catalog of a migrated database has them, with what they mean. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted } from "effect"
import { NodeServices } from "@effect/platform-node"
import { SqlClient } from "effect/sql"
import { EmbeddedServers, tempServers } from "../../src/infra/embedded/index.ts"
import { migratePipeline } from "../../src/infra/postgres/PipelineTables.ts"
import { tableMeanings } from "../../src/infra/postgres/tableMeanings.ts"
import { code, generated, type Page, table } from "./Page.ts"

/** A column as Postgres has it. */
export interface Column {
  readonly table: string
  readonly column: string
  readonly type: string
  readonly nullable: boolean
  readonly primary: boolean
}

const path = "docs/reference/tables.md"

const readColumns = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<Column>`
    SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type,
      NOT a.attnotnull AS nullable, coalesce(a.attnum = ANY (p.conkey), false) AS primary
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_constraint p ON p.conrelid = c.oid AND p.contype = 'p'
    WHERE c.relnamespace = 'millrace'::regnamespace AND c.relkind IN ('r', 'p')
    ORDER BY c.relname, a.attnum`
})

const database = Layer.unwrap(
  Effect.map(EmbeddedServers, ({ databaseUrl = Redacted.make("") }) => PgClient.layer({ url: databaseUrl }))
).pipe(Layer.provide(tempServers({ nats: false })), Layer.provide(NodeServices.layer))

/** Of a throw-away Postgres that is brought to the newest version. */
export const columnsOfMigrated: Effect.Effect<ReadonlyArray<Column>, unknown> = Effect.andThen(
  migratePipeline,
  readColumns
).pipe(Effect.provide(database), Effect.scoped)

/** Tables and columns that nobody has said the meaning of, and meanings of what is not there (any more). */
export const meaningFaults = (columns: ReadonlyArray<Column>): ReadonlyArray<string> => {
  const has = new Set(columns.map((one) => `${one.table}.${one.column}`))
  const told = Object.entries(tableMeanings).flatMap(([name, meaning]) =>
    Object.keys(meaning.columns).map((column) => `${name}.${column}`)
  )
  return [
    ...[...has].filter((one) => !told.includes(one)).map((one) => `millrace.${one} has no meaning in tableMeanings.ts`),
    ...told.filter((one) => !has.has(one)).map((one) => `tableMeanings.ts has ${one}, which the database has not`)
  ]
}

export const tablesPage = (columns: ReadonlyArray<Column>): Page => {
  const sections = Object.entries(tableMeanings).map(([name, meaning]) => {
    const own = columns.filter((one) => one.table === name)
    const rows = own.map((one) => [
      `${code(one.column)}${one.primary ? " (key)" : ""}`,
      `${one.type}${one.nullable ? ", or null" : ""}`,
      meaning.columns[one.column] ?? ""
    ])
    return `## \`${name}\`\n\n${meaning.row}\n\n${table(["column", "type", "what it holds"], rows)}`
  })
  return { path, text: `${[head, ...sections].join("\n\n")}\n` }
}

const head = `# Tables

${generated}

In the schema \`millrace\`. They are made and changed by the library itself when \`millrace/postgres\` is built; which migrations were
run is in \`millrace_migrations\`. Read them as you like; write none of them: what operators may do goes through the
[operations API](operations-api.md), which leaves a record. Times are by the database's clock.`
