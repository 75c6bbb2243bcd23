/** Where the library's tables are, and the table that says which of them were made. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { readConfig } from "../../../src/app/AppConfig.ts"
import { migrate, pipelineMigrations } from "../../../src/infra/postgres/Migrations.ts"
import { checkedSchema, inSchema } from "../../../src/infra/postgres/PgSchema.ts"
import { hasTables, migrationsCheck, permissionsCheck } from "../../../src/infra/postgres/pgSchemaChecks.ts"
import { migratePipeline, migratePipelineIn } from "../../../src/infra/postgres/PipelineTables.ts"
import * as PgPipeline from "../../../src/infra/postgres/PgPipeline.ts"
import * as MemoryEventLog from "../../../src/infra/memory/MemoryEventLog.ts"
import { query, withSql } from "../embedded/Clients.ts"
import { PgUnderTest, pgWorld } from "./PgWorld.ts"

const all = Object.keys(pipelineMigrations).length
const some = Object.fromEntries(Object.entries(pipelineMigrations).slice(0, 5))

/** A version before: its table is wherever the search path begins. */
const migrateAsBefore = (migrations = pipelineMigrations) => migrate("millrace_migrations", migrations)

const another = Effect.fnUntraced(function* (name: string) {
  const { url } = yield* PgUnderTest
  yield* query(url, `CREATE DATABASE ${name}`)
  const other = new URL(Redacted.value(url))
  other.pathname = `/${name}`
  return Redacted.make(other.href)
})

/** Tables by schema. */
const places = (url: Redacted.Redacted) =>
  Effect.map(
    query(
      url,
      `SELECT format('%s %s.%s', CASE relkind WHEN 'r' THEN 'table' ELSE 'view' END, n.nspname, relname) AS place
       FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
       WHERE relkind IN ('r', 'v') AND (relname LIKE '%migrations' OR relname = 'head') ORDER BY 1`
    ),
    (rows) => rows.map((row) => String(Object.values(row)[0]))
  )

const made = (url: Redacted.Redacted, table: string) =>
  Effect.map(query(url, `SELECT count(*)::int AS n FROM ${table}`), (rows) => rows[0])

const found = (url: Redacted.Redacted, schema: string) =>
  migrationsCheck(url, schema, { table: "app_migrations", migrations: {} }, "").run

describe("a schema's name", () => {
  const good = ["millrace", "billing_events", "user", "_m2", "m".repeat(63)]
  const bad = ["", "Billing", "2nd", "a-b", 'a"b', "a b", "pg_billing", "ä", "m".repeat(64)]

  layer(Layer.empty)((it) => {
    it.effect("is one that Postgres takes without quotes and in full; the setting takes the same ones", () =>
      Effect.gen(function* () {
        for (const name of [...good, ...bad]) {
          const isGood = good.includes(name)
          const checked = yield* Effect.result(checkedSchema(name))
          assert.strictEqual(checked._tag, isGood ? "Success" : "Failure", name)
          const read = yield* Effect.result(readConfig({ databaseSchema: name }, {}))
          assert.strictEqual(read._tag, isGood ? "Success" : "Failure", name)
        }
        const refused = yield* Effect.flip(checkedSchema("pg_billing"))
        assert.include(refused.message, `"pg_billing" cannot name the schema`)
      })
    )
  })
})

layer(pgWorld, { excludeTestServices: true, timeout: "60 seconds" })("the tables", (it) => {
  it.effect("are in the schema that is asked for, with the table of their migrations, and nowhere else", () =>
    Effect.gen(function* () {
      const url = yield* another("asked")
      yield* withSql(url, migratePipelineIn("billing_events"))
      assert.deepStrictEqual(yield* places(url), ["table billing_events.head", "table billing_events.migrations"])
      assert.deepStrictEqual(yield* query(url, "SELECT to_regnamespace('millrace') IS NULL AS none"), [{ none: true }])
      assert.isTrue(yield* hasTables(url, "billing_events"))
      assert.isFalse(yield* hasTables(url, "millrace"))
    })
  )

  it.effect("of a name that cannot be are not made, and the layer says why", () =>
    Effect.gen(function* () {
      const { url } = yield* PgUnderTest
      const ports = PgPipeline.layer({ url, schema: "Billing", connectionsMax: 1, keepAlive: "20 seconds" })
      const refused = yield* Effect.flip(Effect.scoped(Layer.build(Layer.provide(ports, MemoryEventLog.layer))))
      assert.strictEqual(refused._tag, "SchemaNameInvalid")
    })
  )

  it.effect("need no right to make schemas where theirs was made for them", () =>
    Effect.gen(function* () {
      const url = yield* another("given")
      yield* query(url, "CREATE ROLE plain LOGIN PASSWORD 'plain'")
      yield* query(url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
      yield* query(url, "CREATE SCHEMA given AUTHORIZATION plain")
      const own = new URL(Redacted.value(url))
      own.username = "plain"
      own.password = "plain"
      const plain = Redacted.make(own.href)
      const refused = yield* permissionsCheck(plain, "other", [], "").run
      assert.strictEqual(refused.status, "failed")
      yield* withSql(plain, migratePipelineIn("given"))
      assert.deepStrictEqual(yield* places(url), ["table given.head", "table given.migrations"])
      assert.strictEqual((yield* permissionsCheck(plain, "given", [], "").run).status, "ok")
    })
  )

  it.effect("follow a schema that is renamed, with what they hold", () =>
    Effect.gen(function* () {
      const url = yield* another("renamed")
      yield* withSql(url, migratePipeline)
      yield* query(url, "INSERT INTO millrace.head (stream, key, version) VALUES ('s', 'ada', 7)")
      yield* query(url, "ALTER SCHEMA millrace RENAME TO billing")
      assert.deepStrictEqual(yield* withSql(url, migratePipelineIn("billing")), [])
      assert.deepStrictEqual(yield* query(url, "SELECT key FROM billing.head"), [{ key: "ada" }])
    })
  )
})

layer(pgWorld, { excludeTestServices: true, timeout: "60 seconds" })("the table of migrations", (it) => {
  it.effect("moves to the tables, whoever starts at the same time, and an older instance may still start", () =>
    Effect.gen(function* () {
      const url = yield* another("moves")
      yield* withSql(url, migrateAsBefore(some))
      assert.deepStrictEqual(yield* places(url), ["table millrace.head", "table public.millrace_migrations"])
      assert.match((yield* found(url, "millrace")).detail, new RegExp(`${all - 5} to be made`))
      yield* Effect.all(
        Array.from({ length: 4 }, () => withSql(url, migratePipeline)),
        { concurrency: "unbounded" }
      )
      const moved = ["table millrace.head", "table millrace.migrations", "view public.millrace_migrations"]
      assert.deepStrictEqual(yield* places(url), moved)
      assert.deepStrictEqual(yield* made(url, "millrace.migrations"), { n: all })
      assert.match((yield* found(url, "millrace")).detail, /up to date/)
      assert.deepStrictEqual(yield* withSql(url, migrateAsBefore(some)), [])
      assert.deepStrictEqual(yield* withSql(url, migratePipeline), [])
      assert.deepStrictEqual(yield* places(url), moved)
    })
  )

  it.effect("is found when the search path is another one now", () =>
    Effect.gen(function* () {
      const url = yield* another("elsewhere")
      yield* query(url, "CREATE SCHEMA app")
      const inApp = PgClient.layer({ url, startupParameters: { search_path: "app" } })
      yield* Effect.provide(migrateAsBefore(), inApp)
      yield* withSql(url, migratePipeline)
      assert.deepStrictEqual(yield* places(url), [
        "table millrace.head",
        "table millrace.migrations",
        "view app.millrace_migrations"
      ])
    })
  )

  it.effect("of the schema `millrace` is not taken for another schema's", () =>
    Effect.gen(function* () {
      const url = yield* another("beside")
      yield* withSql(url, migrateAsBefore(some))
      yield* withSql(url, migratePipelineIn("billing"))
      assert.deepStrictEqual(yield* made(url, "public.millrace_migrations"), { n: 5 })
      assert.deepStrictEqual(yield* made(url, "billing.migrations"), { n: all })
    })
  )
})

layer(pgWorld, { excludeTestServices: true, timeout: "60 seconds" })("a client for another schema", (it) => {
  it.effect("changes the library's names, keeps values and everything else, and its transaction is the client's", () =>
    Effect.gen(function* () {
      const client = yield* SqlClient.SqlClient
      const sql = inSchema(client, "user")
      const text = (statement: { readonly compile: () => readonly [string, ...ReadonlyArray<unknown>] }) =>
        statement.compile()[0]
      assert.strictEqual(
        text(sql`SELECT millrace.head.key, 'a millrace.b', ${"millrace.x"} FROM millrace.head, not_millrace.head
          WHERE to_regclass('millrace.head') IS NOT NULL AND key IN ${sql.in(["a", "b"])}`),
        `SELECT "user".head.key, 'a "user".b', $1 FROM "user".head, not_millrace.head
          WHERE to_regclass('user.head') IS NOT NULL AND key IN ($2,$3)`
      )
      assert.strictEqual(text(sql`${sql("millrace.head")} ${sql("millrace")}`), `"user"."head" "millrace"`)
      assert.strictEqual(text(sql.unsafe("CREATE SCHEMA millrace")), `CREATE SCHEMA "user"`)
      assert.strictEqual(
        text(sql.withoutTransforms()`millrace.head ${sql.literal("millrace.x")}`),
        `"user".head "user".x`
      )
      const inside = yield* client.withTransaction(
        Effect.all([client`SELECT pg_current_xact_id()::text AS xid`, sql`SELECT pg_current_xact_id()::text AS xid`])
      )
      assert.deepStrictEqual(inside[0], inside[1])
      assert.strictEqual(inSchema(client, "millrace"), client)
    })
  )
})
