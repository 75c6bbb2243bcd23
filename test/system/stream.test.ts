import { jetstreamManager } from "@nats-io/jetstream"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import { withNats } from "../infra/embedded/Clients.ts"
import { startPipeline } from "../support/servers/AppProcess.ts"
import { auditOf, settledAudit } from "../support/servers/Audit.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { eventsOf, simulateInOrder } from "../support/servers/Simulation.ts"
import { startServers } from "../support/servers/TestServers.ts"

const load = { orders: 200, rate: 25 }

/** Waits for it, when it is still missing from the last time: an idle relay looks every 5 s. */
const deleteStream = (url: string) =>
  withNats(url, async (connection) => (await jetstreamManager(connection)).streams.delete("ORDERS")).pipe(
    Effect.retry({ schedule: Schedule.spaced("200 millis"), times: 60 })
  )

describe("a stream that somebody deletes under load", () => {
  it.live(
    "is made anew, and what is kept is published again: nothing is missing, lost, doubled or out of order",
    () =>
      Effect.gen(function* () {
        const { environment } = yield* startServers(false)
        const pipeline = yield* startPipeline({ ...environment, OUTBOX_KEEP_SECONDS: "600" })
        const simulation = yield* Effect.forkChild(simulateInOrder(pipeline.url, load))
        yield* Effect.sleep("3 seconds")
        yield* deleteStream(environment.NATS_URL)
        yield* Effect.sleep("3 seconds")
        yield* deleteStream(environment.NATS_URL)
        yield* Fiber.join(simulation)
        // Nothing is under way any more, and nothing will be sent that could notice.
        yield* deleteStream(environment.NATS_URL)
        yield* eventually(
          "the whole stream again",
          Effect.map(
            auditOf(environment),
            ({ report }) => report.inStream === eventsOf(load) && report.again === 0 && report.ok
          ),
          30
        )
        assert.strictEqual(yield* settledAudit(environment), eventsOf(load))
        assert.include(pipeline.stderr(), "StreamShrank")
        assert.notInclude(pipeline.stderr(), "OrderViolated")
      }),
    120_000
  )
})
