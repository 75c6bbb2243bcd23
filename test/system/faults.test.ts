import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { tempDataDir } from "../../src/infra/embedded/TempServers.ts"
import { startPipeline } from "../support/servers/AppProcess.ts"
import { settledAudit } from "../support/servers/Audit.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { at } from "../support/servers/Http.ts"
import { firstPushes, judgePushes } from "../support/servers/Pushes.ts"
import { pushReceiver, type ReceivedPush } from "../support/servers/Receivers.ts"
import { eventsAt, eventsOf, type Load, simulateInOrder } from "../support/servers/Simulation.ts"
import { shopAt } from "../support/servers/Shop.ts"
import { freePort, startServers } from "../support/servers/TestServers.ts"

const load: Load = { orders: 300, rate: 100 }

const pushed = (pushes: ReadonlyArray<ReceivedPush>, wanted: number, seconds = 30) =>
  eventually(
    `${wanted} pushes`,
    Effect.sync(() => pushes.length >= wanted),
    seconds
  )

/** Every event was pushed in the end, each user's in order; after a crash perhaps more than once, under one key. */
const pushedInOrder = Effect.fnUntraced(function* (pushes: ReadonlyArray<ReceivedPush>) {
  yield* eventually(
    "a push of every event",
    Effect.sync(() => firstPushes(pushes).length >= eventsOf(load)),
    30
  )
  const judgement = judgePushes(pushes)
  assert.isTrue(judgement.ok, JSON.stringify(judgement.faults))
  assert.strictEqual(judgement.committed, eventsOf(load))
})

describe("in the middle of a simulation", () => {
  it.live(
    "kill -9 of the pipeline and its servers, then start again: in order; the next start finds its data",
    () =>
      Effect.gen(function* () {
        const push = yield* pushReceiver
        const environment = {
          DATA_DIR: yield* tempDataDir,
          PORT: String(yield* freePort),
          PUSH_WEBHOOK_URL: push.url
        }
        const first = yield* startPipeline(environment)
        const simulation = yield* Effect.forkChild(simulateInOrder(first.url, load))
        yield* pushed(push.pushes, eventsAt(load, 0.3))
        yield* first.signal("SIGKILL")
        assert.strictEqual(yield* first.exited, "SIGKILL")
        const second = yield* startPipeline(environment)
        assert.strictEqual(second.url, first.url)
        assert.isAbove((yield* Fiber.join(simulation)).repeatedCommands, 0)
        yield* pushedInOrder(push.pushes)

        const shop = shopAt(second.url)
        yield* shop.setStock("lamp", 10)
        yield* shop.create({ orderId: "kept", userId: "karl" })
        yield* shop.pay("kept")
        yield* second.signal("SIGINT")
        assert.strictEqual(yield* second.exited, 0, second.stderr())
        const third = shopAt((yield* startPipeline(environment)).url)
        assert.strictEqual(at((yield* third.show("kept", "?consistent=true")).json, "status"), "paid")
        assert.strictEqual(yield* third.stock("lamp"), 9)
        yield* third.shows("kept", "paid")
        yield* third.hasPoints("karl", 100)
        yield* third.ship("kept")
        yield* third.shows("kept", "shipped")
        assert.strictEqual(at((yield* third.show("kept")).json, "history", 2, "version"), 3)
      }),
    90_000
  )

  it.live(
    "kill -9 of nats-server, then of Postgres, each started again: in order, without anybody's help",
    () =>
      Effect.gen(function* () {
        const { environment, nats, postgres } = yield* startServers(true)
        const push = yield* pushReceiver
        const pipeline = yield* startPipeline({ ...environment, PUSH_WEBHOOK_URL: push.url })
        const simulation = yield* Effect.forkChild(simulateInOrder(pipeline.url, load))
        yield* pushed(push.pushes, eventsAt(load, 0.2))
        yield* nats.kill
        yield* nats.start
        yield* pushed(push.pushes, eventsAt(load, 0.5))
        yield* postgres.kill
        yield* postgres.start
        yield* Fiber.join(simulation)
        yield* pushedInOrder(push.pushes)
        assert.strictEqual(yield* settledAudit(environment), eventsOf(load))
        yield* pipeline.signal("SIGINT")
        assert.strictEqual(yield* pipeline.exited, 0, pipeline.stderr())
        assert.notInclude(pipeline.stderr(), "OrderViolated")
        assert.notInclude(pipeline.stderr(), "KeyParked")
      }),
    90_000
  )

  it.live(
    "Ctrl-C drains and exits 0 without a repeated effect; another start goes on",
    () =>
      Effect.gen(function* () {
        const { environment } = yield* startServers(false)
        const push = yield* pushReceiver
        const started = { ...environment, PORT: String(yield* freePort), PUSH_WEBHOOK_URL: push.url }
        const first = yield* startPipeline(started)
        const simulation = yield* Effect.forkChild(simulateInOrder(first.url, load))
        yield* pushed(push.pushes, eventsAt(load, 0.3))
        yield* first.signal("SIGINT")
        const [drain, code] = yield* Effect.timed(first.exited)
        assert.strictEqual(code, 0, first.stderr())
        assert.include(first.stderr(), "stopping: finishing what is in hand")
        assert.match(first.stderr(), /stopped\n$/)
        yield* startPipeline(started)
        yield* Fiber.join(simulation)
        yield* pushedInOrder(push.pushes)
        assert.strictEqual(push.pushes.length, eventsOf(load))
        // Connections that are open must not go on being served, or a stop lasts as long as there is traffic.
        assert.isBelow(Duration.toMillis(drain), 5_000, "how long the stop took, in milliseconds")
      }),
    90_000
  )
})
