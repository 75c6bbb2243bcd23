import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { migrate, type MigrationSet, pipelineMigrations } from "./Migrations.ts"
import { inSchema, makeSchema, schemaDefault } from "./PgSchema.ts"

/** Where it is written down which of the library's tables were made: beside them. */
export const pipelineMigrationsTable = (schema: string) => `${schema}.migrations`

/** Where versions before wrote that down: in the first schema of whoever's search path it was. */
export const migrationsTableBefore = "millrace_migrations"

/** The same, the newest place first. Its name in backups is the old one, wherever the tables are. */
export const pipelineMigrationsPlaces = (schema: string) => ({
  table: migrationsTableBefore,
  places: [pipelineMigrationsTable(schema), ...(schema === schemaDefault ? [migrationsTableBefore] : [])]
})

interface Before {
  readonly schema: string
  readonly may_create: boolean
}

/**
 * Takes the table over from where it was. A view stays behind in its name, so that an instance of the version before
 * that is started again while a new one already runs finds its tables made.
 */
const takeOver = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [before] = yield* sql<Before>`
    SELECT n.nspname AS schema, has_schema_privilege(n.oid, 'CREATE') AS may_create
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = ${migrationsTableBefore} AND c.relkind = 'r'
      AND to_regclass('millrace.migrations') IS NULL AND to_regclass('millrace.head') IS NOT NULL
    ORDER BY c.oid = to_regclass(${migrationsTableBefore}) DESC NULLS LAST LIMIT 1`
  if (before === undefined) return
  const old = `${before.schema}.${migrationsTableBefore}`
  if (before.schema !== schemaDefault) yield* sql`ALTER TABLE ${sql(old)} SET SCHEMA millrace`
  yield* sql`ALTER TABLE ${sql(`millrace.${migrationsTableBefore}`)} RENAME TO migrations`
  if (before.may_create) yield* sql`CREATE VIEW ${sql(old)} AS SELECT * FROM millrace.migrations`
})

/** Brings the library's own tables in this schema to the newest version. */
export const migratePipelineIn = (schema: string, migrations: MigrationSet = pipelineMigrations) =>
  migrate(
    pipelineMigrationsTable(schema),
    migrations,
    // There was no other schema before.
    schema === schemaDefault ? Effect.andThen(makeSchema, takeOver) : makeSchema
  ).pipe(Effect.updateService(SqlClient.SqlClient, (client) => inSchema(client, schema)))

/** The same in the schema of that name. */
export const migratePipeline = migratePipelineIn(schemaDefault)
