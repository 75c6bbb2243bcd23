import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { query } from "../infra/embedded/Clients.ts"
import { runApp, startPipeline } from "../support/servers/AppProcess.ts"
import { settledAudit } from "../support/servers/Audit.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { at } from "../support/servers/Http.ts"
import { judgePushes } from "../support/servers/Pushes.ts"
import { pushReceiver } from "../support/servers/Receivers.ts"
import { eventsAt, eventsOf, simulateInOrder } from "../support/servers/Simulation.ts"
import { startServers } from "../support/servers/TestServers.ts"

const load = { orders: 400, rate: 60 }

const repartition = (url: string, to: number) =>
  Effect.map(
    runApp(["repartition", "--to", String(to), "--why", "a test", "--wait", "30", "--url", url, "-o", "json"], {}),
    ({ code, stderr, stdout }) => ({ code, report: stdout === "" ? stderr : (JSON.parse(stdout) as unknown) })
  )

describe("repartition", () => {
  it.live(
    "from 8 to 16 partitions and back to 8 under load, with an instance killed meanwhile, keeps the order of every key",
    () =>
      Effect.gen(function* () {
        const { databaseUrl, environment } = yield* startServers(false)
        const push = yield* pushReceiver
        const started = { ...environment, PUSH_WEBHOOK_URL: push.url, PARTITIONS: "8" }
        const stays = yield* startPipeline(started)
        const goes = yield* startPipeline(started)
        const simulation = yield* Effect.forkChild(simulateInOrder(stays.url, load))
        const pushed = (share: number) =>
          eventually(
            `${100 * share} % of the simulation`,
            Effect.sync(() => push.pushes.length > eventsAt(load, share)),
            30
          )
        yield* pushed(0.2)
        const more = yield* repartition(stays.url, 16)
        assert.strictEqual(more.code, 0, JSON.stringify(more))
        assert.deepStrictEqual([at(more.report, "first"), at(more.report, "settled")], [8, true])
        yield* pushed(0.5)
        const fewer = yield* Effect.forkChild(repartition(stays.url, 8))
        yield* goes.signal("SIGKILL")
        const { code, report } = yield* Fiber.join(fewer)
        assert.strictEqual(code, 0, JSON.stringify(report))
        assert.deepStrictEqual([at(report, "first"), at(report, "partitions")], [24, 8])
        yield* Fiber.join(simulation)
        yield* eventually(
          "an empty outbox",
          Effect.map(query(databaseUrl, "SELECT 1 FROM millrace.outbox LIMIT 1"), (rows) => rows.length === 0)
        )
        assert.strictEqual(yield* settledAudit(environment), eventsOf(load))
        const judgement = judgePushes(push.pushes)
        assert.isTrue(judgement.ok, JSON.stringify(judgement.faults))
        const places = yield* query(databaseUrl, "SELECT DISTINCT partition FROM millrace.lease ORDER BY partition")
        assert.deepStrictEqual(
          places.map((row) => at(row, "partition")),
          [24, 25, 26, 27, 28, 29, 30, 31]
        )
      }),
    120_000
  )
})
