import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { query } from "../infra/embedded/Clients.ts"
import { startPipeline } from "../support/servers/AppProcess.ts"
import { settledAudit } from "../support/servers/Audit.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { at } from "../support/servers/Http.ts"
import { startProxy } from "../support/servers/Proxy.ts"
import { eventsOf, simulateInOrder } from "../support/servers/Simulation.ts"
import { startServers } from "../support/servers/TestServers.ts"

const load = { orders: 600, rate: 30 }

/** In the middle of an atomic batch, and of a few rows that go one by one: for less and for more than the broker waits for its rest. */
const freezes = [
  ["Nats-Batch-Id", 5],
  ["Nats-Expected-Last-Msg-Id", 5],
  ["Nats-Batch-Id", 10]
] as const

describe("two relays started at the same time", () => {
  it.live(
    "the leading one frozen in the middle of a batch, or of rows that go one by one: nothing stale gets into the stream",
    () =>
      Effect.gen(function* () {
        const { databaseUrl, environment, nats } = yield* startServers(false)
        const api = yield* startPipeline({ ...environment, ROLE: "api,worker" })
        const relays = yield* Effect.forEach(
          [1, 2],
          () =>
            Effect.gen(function* () {
              const proxy = yield* startProxy(nats.port)
              const through = environment.NATS_URL.replace(`:${nats.port}`, `:${proxy.port}`)
              const app = yield* startPipeline({ ...environment, NATS_URL: through, ROLE: "relay" })
              return { proxy, app }
            }),
          { concurrency: 2 }
        )
        const owner = Effect.map(query(databaseUrl, "SELECT owner FROM millrace.relay"), ([row]) => at(row, "owner"))
        const simulation = yield* Effect.forkChild(simulateInOrder(api.url, load))
        for (const [mark, frozenSeconds] of freezes) {
          const leads = yield* owner
          const leader = relays.find(({ app }) => app.instanceId === leads)
          if (leader === undefined) return yield* Effect.die(new Error(`nobody is ${String(leads)}`))
          // What waits meanwhile is more than goes one by one.
          yield* leader.app.signal("SIGSTOP")
          yield* Effect.sleep("1 second")
          yield* leader.proxy.stallAt(mark)
          yield* leader.app.signal("SIGCONT")
          yield* eventually(`half a batch, at ${mark}`, Effect.sync(leader.proxy.isStalled))
          yield* leader.app.signal("SIGSTOP")
          yield* Effect.sleep(`${frozenSeconds} seconds`)
          assert.notStrictEqual(yield* owner, leads, "the other one leads by now")
          yield* leader.proxy.goOn
          yield* leader.app.signal("SIGCONT")
        }
        yield* Fiber.join(simulation)
        assert.strictEqual(yield* settledAudit(environment), eventsOf(load))
        for (const { app } of relays) assert.include(app.stderr(), "LeadershipLost")
      }),
    120_000
  )
})
