import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { startPipeline } from "../support/servers/AppProcess.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { silentReceiver } from "../support/servers/Receivers.ts"
import { simulateInOrder } from "../support/servers/Simulation.ts"
import { TestServers } from "../support/servers/TestServers.ts"

const load = { orders: 200, rate: 100, pauseMs: 100 }

/** How much slower the orders may get, generously: a machine may be busy, a wait for a downstream is seconds. */
const slowerAtMost = { times: 5, millis: 200 }

layer(TestServers.layer, { excludeTestServices: true, timeout: "60 seconds" })(
  "downstreams that never answer",
  (it) => {
    it.effect(
      "delay no order, no read model and no points, and a stop does not wait for them for ever",
      () =>
        Effect.gen(function* () {
          const { environment } = yield* TestServers
          const healthy = yield* Effect.scoped(
            Effect.flatMap(startPipeline(environment), ({ url }) => simulateInOrder(url, load))
          )
          const mail = yield* silentReceiver
          const push = yield* silentReceiver
          const pipeline = yield* startPipeline({
            ...environment,
            SMTP_URL: `smtp://127.0.0.1:${mail.port}`,
            PUSH_WEBHOOK_URL: `http://127.0.0.1:${push.port}/push`,
            DRAIN_MAX_SECONDS: "2"
          })
          const silent = yield* simulateInOrder(pipeline.url, load)
          assert.isAbove(mail.connections(), 0)
          assert.isAbove(push.connections(), 0)
          assert.strictEqual(silent.repeatedCommands, 0)
          const bound = healthy.createMs.p99 * slowerAtMost.times + slowerAtMost.millis
          assert.isBelow(silent.createMs.p99, bound, `healthy: ${healthy.createMs.p99} ms`)
          yield* pipeline.signal("SIGINT")
          const code = yield* pipeline.exited.pipe(Effect.timeout("12 seconds"))
          assert.strictEqual(code, 0, pipeline.stderr())
        }),
      90_000
    )

    it.effect(
      "a second Ctrl-C ends a drain at once, with 130",
      () =>
        Effect.gen(function* () {
          const { environment } = yield* TestServers
          const push = yield* silentReceiver
          const pipeline = yield* startPipeline({
            ...environment,
            PUSH_WEBHOOK_URL: `http://127.0.0.1:${push.port}/push`
          })
          yield* Effect.forkChild(simulateInOrder(pipeline.url, { orders: 1, rate: 1 }))
          yield* eventually(
            "a push under way",
            Effect.sync(() => push.connections() > 0)
          )
          yield* pipeline.signal("SIGINT")
          yield* eventually(
            "a drain",
            Effect.sync(() => pipeline.stderr().includes("stopping: "))
          )
          yield* pipeline.signal("SIGINT")
          assert.strictEqual(yield* pipeline.exited.pipe(Effect.timeout("2 seconds")), 130)
        }),
      60_000
    )
  }
)
