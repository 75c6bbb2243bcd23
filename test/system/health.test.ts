/** What a load balancer and a supervisor ask. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { PipelineView } from "../../src/pipeline/PipelineView.ts"
import * as OpsHttp from "../../src/ops/OpsHttp.ts"
import { startPipeline } from "../support/servers/AppProcess.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { at, call } from "../support/servers/Http.ts"
import { startServers } from "../support/servers/TestServers.ts"

describe("readiness and liveness", () => {
  it.live(
    "not ready without Postgres or without NATS, with the reason and no secret; alive all the time; ready again by itself",
    () =>
      Effect.gen(function* () {
        const { environment, nats, postgres } = yield* startServers(true)
        // Whoever asks needs no token.
        const { url } = yield* startPipeline({ ...environment, OPS_TOKEN: "a-token-of-sixteen" })
        const ready = call(url, "GET", "/health/ready")
        const becomes = (status: number, reason: string) =>
          eventually(
            `${status} ${reason}`,
            Effect.map(ready, (answer) => answer.status === status && answer.text.includes(reason))
          )
        assert.deepStrictEqual((yield* ready).json, { status: "ready" })
        for (const [server, reason] of [
          [postgres, "Postgres does not answer"],
          [nats, "NATS does not answer"]
        ] as const) {
          yield* server.kill
          yield* becomes(503, reason)
          const { text } = yield* ready
          for (const secret of [environment.DATABASE_URL, environment.NATS_URL].flatMap(passwordsOf))
            assert.notInclude(text, secret)
          assert.strictEqual((yield* call(url, "GET", "/health/live")).status, 200)
          assert.deepStrictEqual((yield* call(url, "GET", "/health")).json, { status: "ok" })
          yield* server.start
          yield* becomes(200, "ready")
        }
      }),
    60_000
  )

  it.live("a process that stops is not ready, whatever its servers say; many questions are one look a second", () =>
    Effect.gen(function* () {
      let looks = 0
      const draining = { now: false }
      const counted = Layer.effect(
        PipelineView,
        Effect.map(PipelineView, (view) => ({
          ...view,
          facts: (stream: string, rowsMax: number) =>
            Effect.andThen(
              Effect.sync(() => (looks += 1)),
              view.facts(stream, rowsMax)
            )
        }))
      )
      const routes = OpsHttp.layerHealth({ stream: "orders", draining }).pipe(
        Layer.provide(counted),
        Layer.provide(MemoryPipeline.layer)
      )
      const { dispose, handler } = HttpRouter.toWebHandler(routes, { disableLogger: true })
      yield* Effect.addFinalizer(() => Effect.promise(dispose))
      const ask = Effect.promise(() => handler(new Request("http://here/health/ready")).then((answer) => answer.json()))
      const reasonsOf = (body: unknown) => {
        const reasons = at(body, "reasons")
        return Array.isArray(reasons) ? reasons : []
      }
      const answers = yield* Effect.forEach(Array.from({ length: 100 }), () => ask, { concurrency: 10 })
      assert.isAtMost(looks, 2)
      draining.now = true
      assert.deepStrictEqual(reasonsOf(yield* ask), ["it is stopping", ...reasonsOf(answers[0])])
    })
  )
})

const passwordsOf = (url: string) => [new URL(url).password, new URL(url).host]
