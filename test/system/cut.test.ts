import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { query } from "../infra/embedded/Clients.ts"
import { startPipeline } from "../support/servers/AppProcess.ts"
import { settledAudit } from "../support/servers/Audit.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { at } from "../support/servers/Http.ts"
import { startProxy } from "../support/servers/Proxy.ts"
import { eventsOf, simulateInOrder } from "../support/servers/Simulation.ts"
import { startServers } from "../support/servers/TestServers.ts"

const load = { orders: 600, rate: 20 }

const leases = 5 * 16

/** How many leases each instance holds now, fewest first. */
const shares = (databaseUrl: Redacted.Redacted) =>
  Effect.map(
    query(
      databaseUrl,
      "SELECT count(*)::int AS held FROM millrace.lease WHERE expires_at > clock_timestamp() AND owner IS NOT NULL GROUP BY owner"
    ),
    (rows) => rows.map((row) => Number(at(row, "held"))).toSorted((a, b) => a - b)
  )

describe("an instance whose way to NATS is cut", () => {
  it.live(
    "or held half-open, gives its share to the other and takes it again by itself; nothing is lost or out of order",
    () =>
      Effect.gen(function* () {
        const { databaseUrl, environment, nats } = yield* startServers(false)
        const proxy = yield* startProxy(nats.port)
        const through = environment.NATS_URL.replace(`:${nats.port}`, `:${proxy.port}`)
        const near = yield* startPipeline(environment)
        const far = yield* startPipeline({ ...environment, NATS_URL: through, ROLE: "worker,relay,api" })
        const isShared = Effect.map(
          shares(databaseUrl),
          (held) => held.length === 2 && held.reduce((a, b) => a + b, 0) === leases
        )
        const isAlone = Effect.map(shares(databaseUrl), (held) => held.length === 1 && held[0] === leases)
        yield* eventually("two shares", isShared)
        const simulation = yield* Effect.forkChild(simulateInOrder(near.url, load))
        for (const mode of ["cut", "held"] as const) {
          yield* proxy.become(mode)
          yield* eventually(`everything with the other while the way is ${mode}`, isAlone, 40)
          yield* proxy.become("open")
          yield* eventually("two shares again", isShared, 40)
        }
        yield* Fiber.join(simulation)
        assert.strictEqual(yield* settledAudit(environment), eventsOf(load))
        const said = far.stderr().split("\n")
        assert.lengthOf(
          said.filter((line) => line.includes("BrokerOutOfReach")),
          2,
          far.stderr()
        )
        const signals = said.filter((line) => line.includes("signal="))
        assert.isBelow(signals.length, 40, signals.join("\n"))
      }),
    200_000
  )
})
