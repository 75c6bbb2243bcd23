import { Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"

/** The schema that the library's statements are written for. */
export const schemaDefault = "millrace"

// Postgres cuts longer names off, and keeps names with this beginning to itself.
const isSchemaName = (name: string) => /^[a-z_][a-z0-9_]{0,62}$/.test(name) && !name.startsWith("pg_")

/** The library's tables cannot be in a schema of this name. */
export class SchemaNameInvalid extends Schema.TaggedError<SchemaNameInvalid>()("SchemaNameInvalid", {
  name: Schema.String
}) {
  override get message() {
    return `${JSON.stringify(this.name)} cannot name the schema of the library's tables: it has to be lower-case letters, digits and _, at most 63, begin with a letter or _, and not with pg_`
  }
}

/** The name itself, if Postgres takes it for a schema as it is written. */
export const checkedSchema = (name: string): Effect.Effect<string, SchemaNameInvalid> =>
  isSchemaName(name) ? Effect.succeed(name) : Effect.fail(new SchemaNameInvalid({ name }))

const quoted = (schema: string) => `"${schema}"`

/** A piece of a statement with another schema in the place of `millrace`: in front of a table, and at the start of a string. */
const renamed = (piece: string, schema: string): string =>
  piece
    .replaceAll(/(?<=')millrace(?=['.])/g, schema)
    .replaceAll(/(?<![\w'".$-])millrace(?=\.)|(?<=\bSCHEMA )millrace\b/g, quoted(schema))

/**
 * The same client, for which the statements of this folder are about another schema. It has the same connections and
 * transactions. A statement is rewritten once, the first time it is used, so that it costs and is prepared as before.
 */
export const inSchema = <Client extends SqlClient.SqlClient>(client: Client, schema: string): Client => {
  if (schema === schemaDefault) return client
  const statements = new WeakMap<TemplateStringsArray, TemplateStringsArray>()
  const rewritten = (strings: TemplateStringsArray): TemplateStringsArray => {
    const known = statements.get(strings)
    if (known !== undefined) return known
    const pieces = strings.map((piece) => renamed(piece, schema))
    const made = Object.assign(pieces, { raw: pieces })
    statements.set(strings, made)
    return made
  }
  const tag = (strings: TemplateStringsArray | string, ...args: ReadonlyArray<unknown>) =>
    typeof strings === "string"
      ? client(strings.replace(/^millrace(?=\.)/, schema))
      : client(rewritten(strings), ...args)
  const own = Object.assign(tag, client, {
    unsafe: (sql: string, params?: ReadonlyArray<unknown>) => client.unsafe(renamed(sql, schema), params),
    literal: (sql: string) => client.literal(renamed(sql, schema)),
    withoutTransforms: () => inSchema(client.withoutTransforms(), schema)
  })
  return Object.assign(own, { safe: own })
}

/** The `SqlClient` there is, for that schema. */
export const layerIn = (schema: string) =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.map(SqlClient.SqlClient, (client) => inSchema(client, schema))
  )

/** Makes the schema unless it is there: who may not make one can be given it. */
export const makeSchema = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [there] = yield* sql<{ readonly yes: boolean }>`SELECT to_regnamespace('millrace') IS NOT NULL AS yes`
  if (there?.yes !== true) yield* sql`CREATE SCHEMA millrace`
})
