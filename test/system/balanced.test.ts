import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import * as NatsPipeline from "../../src/infra/nats/NatsPipeline.ts"
import * as PgPipeline from "../../src/infra/postgres/PgPipeline.ts"
import { runAudit } from "../../src/pipeline/Audit.ts"
import { query } from "../infra/embedded/Clients.ts"
import { doneFile, doneIn, startWorker, sumsIn } from "../support/servers/BalancedWorkers.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { type Servers, TestServers } from "../support/servers/TestServers.ts"

const auditOf = ({ databaseUrl, natsUrl }: Servers) => {
  const postgres = PgPipeline.layer({ url: databaseUrl, connectionsMax: 2, keepAlive: "20 seconds" })
  const broker = NatsPipeline.layer({ url: natsUrl, name: "audit", replicas: 1, maxBytes: 100_000_000, maxAgeDays: 1 })
  return Effect.provide(runAudit("balanced"), Layer.provideMerge(postgres, broker))
}

layer(TestServers.layer, { excludeTestServices: true, timeout: "60 seconds" })("balanced handlers", (it) => {
  it.effect(
    "three instances share the events; what one has in hand when it is killed is done by the others, once",
    () =>
      Effect.gen(function* () {
        const servers = yield* TestServers
        const file = yield* doneFile
        const events = 4_000
        const environment = { ...servers.environment, DONE_FILE: file, HANDLE_MS: "2", ACK_WAIT_SECONDS: "5" }
        const workers = [
          yield* startWorker({ ...environment, APPEND: String(events) }),
          yield* startWorker(environment),
          yield* startWorker(environment)
        ]
        yield* eventually(
          "a third of them done",
          Effect.sync(() => doneIn(file).length > events / 3),
          30
        )
        const victim = workers[1]?.child
        victim?.kill("SIGKILL")
        const killedAtMs = Date.now()
        yield* eventually(
          "all of them done",
          Effect.map(sumsIn(servers.databaseUrl), ({ events: summed }) => {
            const hooked = new Set(doneIn(file).map(({ place }) => place)).size
            return summed === events && hooked === events
          }),
          30
        )
        const tookMs = Date.now() - killedAtMs
        assert.isBelow(tookMs, 20_000)
        assert.strictEqual((yield* sumsIn(servers.databaseUrl)).rows, events, "sums: once each")
        const done = doneIn(file)
        // What the killed one did and could not enter any more is done again, under the same key.
        assert.isBelow(done.length, events + 100)
        const byProcess = Map.groupBy(done, ({ pid }) => pid)
        assert.strictEqual(byProcess.size, 3)
        for (const [pid, own] of byProcess) if (pid !== victim?.pid) assert.isAbove(own.length, events / 5)
        yield* eventually(
          "a balanced audit",
          Effect.map(Effect.orDie(auditOf(servers)), (report) => {
            assert.deepStrictEqual(report.faults, [])
            return report.handlers.every(({ handled, inFlight }) => handled === events && inFlight === 0)
          }),
          30
        )
        // All of it is summed up in the end: a row per key, and none per event.
        yield* eventually(
          "one version per key",
          Effect.map(
            query(servers.databaseUrl, "SELECT 1 FROM millrace.handled WHERE stream = 'balanced' LIMIT 1"),
            (rows) => rows.length === 0
          ),
          30
        )
      }),
    120_000
  )

  it.effect(
    "an event that ends its process is parked alone after its attempts, whatever kind of handler it meets",
    () =>
      Effect.gen(function* () {
        const { databaseUrl, environment } = yield* TestServers
        const file = yield* doneFile
        const settings = { ...environment, DONE_FILE: file, ACK_WAIT_SECONDS: "2" }
        const look = `SELECT handler, key, reason_tag AS tag FROM millrace.parked_key WHERE status = 'parked' ORDER BY handler`
        const supervised = (first: Readonly<Record<string, string>>) => {
          const once = (more: Readonly<Record<string, string>>) =>
            Effect.scoped(Effect.flatMap(startWorker({ ...settings, ...more }), ({ ended }) => ended))
          return Effect.andThen(once(first), Effect.repeat(once({}), Schedule.spaced("100 millis")))
        }
        yield* Effect.forkScoped(supervised({ APPEND: "40", KILLERS: "sums,hooks" }))
        yield* eventually(
          "both given up",
          Effect.map(query(databaseUrl, look), (rows) => rows.length === 2),
          90
        )
        assert.deepStrictEqual(yield* query(databaseUrl, look), [
          { handler: "hooks", key: "hooks@1", tag: "ProcessEnded" },
          { handler: "sums", key: "sums@1", tag: "ProcessEnded" }
        ])
        // Of the others nothing is given up, and nothing is left to be tried.
        yield* eventually(
          "nothing else put aside",
          Effect.map(query(databaseUrl, "SELECT 1 FROM millrace.parked_key"), (rows) => rows.length === 2),
          30
        )
        yield* eventually(
          "everything else done",
          Effect.sync(() => new Set(doneIn(file).map(({ place }) => place)).size >= 41),
          30
        )
      }),
    150_000
  )
})
