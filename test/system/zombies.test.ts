import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { query } from "../infra/embedded/Clients.ts"
import { startPipeline } from "../support/servers/AppProcess.ts"
import { settledAudit } from "../support/servers/Audit.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { at } from "../support/servers/Http.ts"
import { firstPushes, judgePushes } from "../support/servers/Pushes.ts"
import { pushReceiver } from "../support/servers/Receivers.ts"
import { eventsAt, eventsOf, simulateInOrder } from "../support/servers/Simulation.ts"
import { startServers } from "../support/servers/TestServers.ts"

const load = { orders: 500, rate: 50 }

describe("three instances under load", () => {
  it.live(
    "one killed, one frozen beyond its lease and woken, one stopped: in order, once, and the books balance",
    () =>
      Effect.gen(function* () {
        const { databaseUrl, environment } = yield* startServers(false)
        const push = yield* pushReceiver
        const started = { ...environment, PUSH_WEBHOOK_URL: push.url }
        const api = yield* startPipeline({ ...started, ROLE: "api" })
        const killed = yield* startPipeline(started)
        const frozen = yield* startPipeline(started)
        const stopped = yield* startPipeline(started)
        const instances = yield* query(databaseUrl, "SELECT roles, handlers FROM millrace.instance ORDER BY id")
        assert.lengthOf(instances, 4)
        assert.deepStrictEqual(instances.map((row) => at(row, "handlers", "length")).toSorted(), [0, 5, 5, 5])
        const simulation = yield* Effect.forkChild(simulateInOrder(api.url, load))
        const passed = (share: number) =>
          eventually(
            `${share} of the load`,
            Effect.sync(() => push.pushes.length >= eventsAt(load, share)),
            60
          )
        yield* passed(0.1)
        yield* frozen.signal("SIGSTOP")
        yield* Effect.sleep("5 seconds")
        yield* killed.signal("SIGKILL")
        yield* frozen.signal("SIGCONT")
        yield* passed(0.7)
        yield* stopped.signal("SIGTERM")
        assert.strictEqual(yield* stopped.exited, 0, stopped.stderr())
        yield* Fiber.join(simulation)
        assert.strictEqual(yield* settledAudit(environment), eventsOf(load))
        yield* eventually(
          "a push of every event",
          Effect.sync(() => firstPushes(push.pushes).length === eventsOf(load)),
          30
        )
        const judgement = judgePushes(push.pushes)
        assert.isTrue(judgement.ok, JSON.stringify(judgement.faults))
        // It says once that its work ended, and goes on by itself.
        assert.match(frozen.stderr(), /OwnershipUnproven|PartitionLost/)
        assert.notInclude(frozen.stderr(), "OrderViolated")
        assert.notInclude(frozen.stderr(), "a bug in the pipeline")
      }),
    150_000
  )
})
