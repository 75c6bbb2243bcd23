import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted, Schedule } from "effect"
import { startPostgres } from "../../src/infra/embedded/EmbeddedPostgres.ts"
import { tempDataDir } from "../../src/infra/embedded/TempServers.ts"
import { startPipeline } from "../support/servers/AppProcess.ts"
import { settledAudit } from "../support/servers/Audit.ts"
import { at } from "../support/servers/Http.ts"
import { startCluster } from "../support/servers/NatsCluster.ts"
import { eventsOf, simulateInOrder } from "../support/servers/Simulation.ts"

const load = { orders: 600, rate: 40 }

describe("a stream with three replicas", () => {
  it.live(
    "its leader steps down again and again under load, and each server is killed once: in order, once",
    () =>
      Effect.gen(function* () {
        const postgres = yield* startPostgres({ dataDir: yield* tempDataDir, supervise: false, durable: false })
        const { ask, nodes, url } = yield* startCluster()
        const environment = { DATABASE_URL: Redacted.value(postgres.url), NATS_URL: url, STREAM_REPLICAS: "3" }
        const pipeline = yield* startPipeline(environment)
        const simulation = yield* Effect.forkChild(simulateInOrder(pipeline.url, load))
        let stepDowns = 0
        const stepDown = ask("$JS.API.STREAM.LEADER.STEPDOWN.ORDERS").pipe(
          Effect.map((answer) => {
            if (at(answer, "success") === true) stepDowns += 1
          }),
          Effect.ignore
        )
        const unrest = yield* Effect.forkChild(Effect.repeat(stepDown, Schedule.spaced("400 millis")))
        yield* Effect.sleep("4 seconds")
        for (const { kill, start } of nodes) {
          yield* kill
          yield* Effect.sleep("2 seconds")
          yield* start
          yield* Effect.sleep("3 seconds")
        }
        yield* Fiber.interrupt(unrest)
        yield* Fiber.join(simulation)
        assert.strictEqual(yield* settledAudit(environment), eventsOf(load))
        assert.isAbove(stepDowns, 5)
        assert.notMatch(pipeline.stderr(), /OrderViolated|KeyParked|KeyHeld/)
      }),
    150_000
  )
})
