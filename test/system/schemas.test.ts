/** Two pipelines of one process, in one database, on one client, that share nothing: each has a schema of its own. */
import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Schema } from "effect"
import { EventStream, Handler, Outbox, Pipeline } from "millrace"
import * as NatsPipeline from "millrace/nats"
import * as PgPipeline from "millrace/postgres"
import { runAudit } from "../../src/pipeline/Audit.ts"
import { join } from "node:path"
import { tempDataDir } from "../../src/infra/embedded/TempServers.ts"
import { query } from "../infra/embedded/Clients.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { runApp, startPipeline } from "../support/servers/AppProcess.ts"
import { startServers, TestServers } from "../support/servers/TestServers.ts"

const Happened = Schema.TaggedStruct("Happened", { who: Schema.String, n: Schema.Int })

/** A pipeline in its schema, with its handler's table beside the application's own. */
const pipelineIn = (name: string) => {
  const stream = EventStream.make(name, {
    subject: `of-${name}`,
    events: { happened: Happened },
    key: (event) => event.who
  })
  const seen = Handler.transactional(stream, `${name}-seen`, {}, ({ event: { n, who } }) =>
    Effect.flatMap(PgClient.PgClient, (sql) => sql`INSERT INTO seen (stream, who, n) VALUES (${name}, ${who}, ${n})`)
  )
  const ports = PgPipeline.layerFrom({ schema: name })
  return { stream, name, layer: Pipeline.layer(stream, [seen]).pipe(Layer.provideMerge(ports)) }
}

const people = ["ada", "bob"]
const eventsEach = 30

layer(TestServers.layer, { excludeTestServices: true, timeout: "60 seconds" })("two schemas of one database", (it) => {
  it.effect("hold two pipelines apart that write in the same transactions of the application", () =>
    Effect.gen(function* () {
      const { databaseUrl, natsUrl } = yield* TestServers
      const app = Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        yield* sql`CREATE TABLE seen (stream text, who text, n int)`
        const [first, second] = [pipelineIn("ledger"), pipelineIn("order")] as const
        const firstPorts = yield* Layer.build(first.layer)
        const secondPorts = yield* Layer.build(second.layer)
        const both = (who: string, n: number) =>
          Effect.andThen(
            first.stream.append([Happened.make({ who, n })]).pipe(Effect.provide(Context.pick(Outbox)(firstPorts))),
            second.stream.append([Happened.make({ who, n })]).pipe(Effect.provide(Context.pick(Outbox)(secondPorts)))
          )
        const lost = sql.withTransaction(Effect.andThen(both("ada", -1), Effect.fail("not after all")))
        for (let n = 0; n < eventsEach; n++) {
          yield* Effect.forEach(people, (who) => sql.withTransaction(both(who, n)), { concurrency: 2, discard: true })
          if (n % 10 === 0) yield* Effect.flip(lost)
        }
        yield* eventually(
          "all effects",
          Effect.map(sql`SELECT 1 FROM seen`, (rows) => rows.length === 2 * people.length * eventsEach)
        )
        for (const { name, ports } of [
          { name: first.name, ports: firstPorts },
          { name: second.name, ports: secondPorts }
        ]) {
          const report = yield* runAudit(name).pipe(Effect.provide(ports))
          assert.isTrue(report.ok, JSON.stringify(report.faults))
          assert.strictEqual(report.committed, people.length * eventsEach, name)
          const rows = yield* sql`SELECT array_agg(n ORDER BY ctid) AS n FROM seen WHERE stream = ${name} GROUP BY who`
          const inOrder = { n: Array.from({ length: eventsEach }, (_, n) => n) }
          assert.deepStrictEqual(rows, [inOrder, inOrder], name)
        }
      })
      yield* app.pipe(
        Effect.provide(
          Layer.merge(
            NatsPipeline.layer({ url: natsUrl, name: "schemas" }),
            PgClient.layer({ url: databaseUrl, startupParameters: PgPipeline.sessionParameters })
          )
        ),
        Effect.scoped
      )
      const schemas = yield* query(
        databaseUrl,
        `SELECT nspname AS name FROM pg_namespace WHERE nspname IN ('millrace', 'ledger', 'order') ORDER BY 1`
      )
      assert.deepStrictEqual(schemas, [{ name: "ledger" }, { name: "order" }])
    })
  )

  it.effect(
    "DATABASE_SCHEMA moves the service there: it works, and audit and doctor find it",
    () =>
      Effect.gen(function* () {
        const { databaseUrl, environment } = yield* startServers(false)
        const settings = { ...environment, DATABASE_SCHEMA: "shop" }
        const service = yield* startPipeline(settings)
        const simulated = yield* runApp(["simulate", "--orders", "20", "--url", service.url], settings)
        assert.strictEqual(simulated.code, 0, simulated.stderr)
        const audit = yield* runApp(["audit"], settings)
        assert.strictEqual(audit.code, 0, audit.stdout + audit.stderr)
        yield* service.signal("SIGTERM")
        yield* service.exited
        const doctor = yield* runApp(["doctor"], settings)
        assert.match(doctor.stdout, /migrations +ok|ok +migrations|migrations.*up to date/, doctor.stdout)
        const places = yield* query(
          databaseUrl,
          "SELECT to_regclass('shop.outbox') IS NOT NULL AS shop, to_regnamespace('millrace') IS NULL AS alone"
        )
        assert.deepStrictEqual(places, [{ shop: true, alone: true }])

        // A backup of one schema is put back into another, of servers that have neither.
        const folder = join(yield* tempDataDir, "backup")
        const other = { ...(yield* startServers(false)).environment, DATABASE_SCHEMA: "market" }
        for (const [args, where] of [
          [["backup", "--to", folder], settings],
          [["restore", "--from", folder], other],
          [["compare", folder], other]
        ] as const) {
          const done = yield* runApp(args, where)
          assert.strictEqual(done.code, 0, `${args.join(" ")}: ${done.stdout}${done.stderr}`)
        }
        yield* startPipeline(other)
        const restored = yield* runApp(["audit"], other)
        assert.strictEqual(restored.code, 0, restored.stdout + restored.stderr)
      }),
    120_000
  )
})
