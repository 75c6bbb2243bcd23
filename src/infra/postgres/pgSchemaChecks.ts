import { Effect, type Redacted } from "effect"
import type { SqlClient } from "effect/sql"
import { type Check, check, failed, ok, warning } from "../../pipeline/Check.ts"
import { type MigrationSet, pipelineMigrations } from "./Migrations.ts"
import { pgLook } from "./pgLook.ts"
import { schemaDefault } from "./PgSchema.ts"
import { migrationsTableBefore, pipelineMigrationsTable } from "./PipelineTables.ts"

/** A set of migrations, and the table that says which of them were made. */
export interface MigrationsOf {
  readonly table: string
  readonly migrations: MigrationSet
  /** Where a version before had that table. */
  readonly tableBefore?: string | undefined
}

const ofPipeline = (schema: string): MigrationsOf => ({
  table: pipelineMigrationsTable(schema),
  migrations: pipelineMigrations,
  tableBefore: schema === schemaDefault ? migrationsTableBefore : undefined
})

/** Whether the library's tables are there, all of them as far as this version looks at them. */
export const hasTables = (url: Redacted.Redacted, schema: string) =>
  pgLook(url, (sql) => Effect.map(standing(sql, ofPipeline(schema)), ({ missing }) => missing.length === 0))

const newerRemedy = "start the version that made them, or a newer one; an older one does not know what they hold"

/** Whether the tables are as this version wants them. */
export const migrationsCheck = (url: Redacted.Redacted, schema: string, app: MigrationsOf, remedy: string): Check => {
  const sets = [ofPipeline(schema), app]
  return check(
    "migrations",
    remedy,
    pgLook(url, (sql) => Effect.forEach(sets, (set) => standing(sql, set))).pipe(
      Effect.map((found) => {
        const done = found.reduce((sum, one) => sum + one.done, 0)
        const missing = found.flatMap((one) => one.missing)
        const unknown = found.flatMap((one) => one.unknown)
        if (unknown.length > 0)
          return failed(`tables are newer than this version: ${unknown.join(", ")} is not known to it`, newerRemedy)
        if (done === 0) return ok("no tables yet: they are made at the first start")
        return missing.length === 0
          ? ok(`up to date, ${done} of ${done}`)
          : warning(
              `${missing.length} to be made: ${missing.join(", ")}`,
              "stop instances of the version before, then start this one: it makes them"
            )
      })
    )
  )
}

const standing = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  { migrations, table, tableBefore }: MigrationsOf
) {
  const wanted = Object.keys(migrations)
  const [there] = yield* sql<{ readonly name: string | null }>`SELECT CASE
    WHEN to_regclass(${table}) IS NOT NULL THEN ${table}::text WHEN to_regclass(${tableBefore ?? table}) IS NOT NULL THEN ${tableBefore ?? table}::text
    END AS name`
  const name = there?.name ?? undefined
  const rows =
    name === undefined
      ? []
      : yield* sql<{ readonly id: number; readonly name: string }>`
          SELECT migration_id::int AS id, name FROM ${sql(name)} ORDER BY 1`
  const done = rows.map(({ id, name }) => `${String(id).padStart(4, "0")}_${name}`)
  return {
    done: done.length,
    missing: wanted.filter((name) => !done.includes(name)),
    unknown: done.filter((name) => !wanted.includes(name))
  }
})

interface Rights {
  readonly name: string
  readonly database: string
  readonly create: boolean
  readonly schema: boolean
  readonly lacking: ReadonlyArray<string>
}

/** Whether its user may read and write the tables, or make them. */
export const permissionsCheck = (
  url: Redacted.Redacted,
  ownSchema: string,
  tables: ReadonlyArray<string>,
  remedy: string
): Check =>
  check(
    "permissions",
    remedy,
    pgLook(url, (sql) =>
      Effect.map(
        sql<Rights>`
          SELECT current_user AS name, current_database() AS database,
            has_database_privilege(current_database(), 'CREATE') AS create, to_regnamespace(${ownSchema}) IS NOT NULL AS schema,
            (SELECT coalesce(json_agg(format('%I.%I', n.nspname, c.relname) ORDER BY 1), '[]')
              FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE c.relkind = 'r' AND (n.nspname = ${ownSchema} OR c.oid IN (SELECT to_regclass(t) FROM unnest(${tables}::text[]) AS t))
                AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
                  AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')
                  AND has_table_privilege(c.oid, 'DELETE'))) AS lacking`,
        ([row]) => rightsResult(row, ownSchema)
      )
    )
  )

const rightsResult = (rights: Rights | undefined, ownSchema: string) => {
  if (rights === undefined) return failed("Postgres does not say", "")
  const { create, database, lacking, name, schema } = rights
  if (!schema && !create)
    return failed(`user ${name} may not make the tables`, `GRANT CREATE ON DATABASE "${database}" TO "${name}";`)
  return lacking.length === 0
    ? ok(`user ${name} may ${schema ? "read and write the tables" : "make the tables"}`)
    : failed(
        `user ${name} may not read and write ${lacking.slice(0, 5).join(", ")}${lacking.length > 5 ? ` and ${lacking.length - 5} more` : ""}`,
        `GRANT USAGE ON SCHEMA ${ownSchema} TO "${name}"; GRANT SELECT, INSERT, UPDATE, DELETE ON ${lacking.join(", ")} TO "${name}";`
      )
}
