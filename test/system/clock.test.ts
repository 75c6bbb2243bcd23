import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { startPipeline } from "../support/servers/AppProcess.ts"
import { settledAudit } from "../support/servers/Audit.ts"
import { eventsOf, simulateInOrder } from "../support/servers/Simulation.ts"
import { startServers } from "../support/servers/TestServers.ts"

const load = { orders: 150, rate: 20 }

const jumps = join(import.meta.dirname, "../support/servers/clockJumps.mjs")

describe("two instances whose wall clocks jump by ten minutes, back and forth", () => {
  it.live(
    "keep their leases and the order: leases are by the database's clock, deadlines by the monotonic one",
    () =>
      Effect.gen(function* () {
        const { environment } = yield* startServers(false)
        const started = { ...environment, NODE_OPTIONS: `--import ${jumps}` }
        const pipeline = yield* startPipeline(started)
        const other = yield* startPipeline({ ...started, ROLE: "relay,worker" })
        const simulation = yield* Effect.forkChild(simulateInOrder(pipeline.url, load))
        yield* Fiber.join(simulation)
        assert.strictEqual(yield* settledAudit(environment), eventsOf(load))
        for (const { stderr } of [pipeline, other]) {
          // The log itself is the witness that the clock jumped.
          const stamps = [...stderr().matchAll(/timestamp=(\S+)/g)].map(([, stamp]) => Date.parse(stamp ?? ""))
          const back = stamps.some((stamp, i) => stamp < (stamps[i - 1] ?? stamp) - 60_000)
          assert.isTrue(back, "its clock went back at least once")
          assert.notMatch(stderr(), /OwnershipUnproven|PartitionLost|LeadershipLost|OrderViolated|KeyParked/)
        }
      }),
    90_000
  )
})
