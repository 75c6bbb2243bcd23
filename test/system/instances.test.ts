import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { query } from "../infra/embedded/Clients.ts"
import { startPipeline } from "../support/servers/AppProcess.ts"
import { settledAudit } from "../support/servers/Audit.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { at } from "../support/servers/Http.ts"
import { judgePushes } from "../support/servers/Pushes.ts"
import { pushReceiver } from "../support/servers/Receivers.ts"
import { eventsAt, eventsOf, simulateInOrder } from "../support/servers/Simulation.ts"
import { startServers } from "../support/servers/TestServers.ts"

const load = { orders: 300, rate: 100 }

const leases = 5 * 16

/** How many leases each instance holds now. */
const shares = Effect.fnUntraced(function* (databaseUrl: Redacted.Redacted) {
  const rows = yield* query(
    databaseUrl,
    "SELECT owner, count(*)::int AS held FROM millrace.lease WHERE expires_at > clock_timestamp() GROUP BY owner"
  )
  return rows.map((row) => Number(at(row, "held")))
})

describe("two pipelines on one database and broker", () => {
  it.live(
    "started at the same time both come up and share the work; when one is killed the other goes on in order",
    () =>
      Effect.gen(function* () {
        const { databaseUrl, environment } = yield* startServers(false)
        const push = yield* pushReceiver
        const started = { ...environment, PUSH_WEBHOOK_URL: push.url }
        const [stays, goes] = yield* Effect.all([startPipeline(started), startPipeline(started)], { concurrency: 2 })
        yield* eventually(
          "two shares of all partitions",
          // While one hands over to the other, both have some, and all is held for a moment now and then.
          Effect.map(
            shares(databaseUrl),
            (held) =>
              held.length === 2 &&
              held.every((one) => one > leases / 8) &&
              held.reduce((sum, one) => sum + one, 0) === leases
          )
        )
        const simulation = yield* Effect.forkChild(simulateInOrder(stays.url, load))
        yield* eventually(
          "half of the simulation",
          Effect.sync(() => push.pushes.length > eventsAt(load, 0.4)),
          30
        )
        yield* goes.signal("SIGKILL")
        yield* Fiber.join(simulation)
        yield* eventually(
          "all partitions with the one that stayed",
          Effect.map(shares(databaseUrl), (held) => held.length === 1 && held[0] === leases)
        )
        yield* eventually(
          "an empty outbox",
          Effect.map(query(databaseUrl, "SELECT 1 FROM millrace.outbox LIMIT 1"), (rows) => rows.length === 0)
        )
        assert.strictEqual(yield* settledAudit(environment), eventsOf(load))
        const judgement = judgePushes(push.pushes)
        assert.isTrue(judgement.ok, JSON.stringify(judgement.faults))
      }),
    90_000
  )
})
