import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { startPipeline } from "../support/servers/AppProcess.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { at, call } from "../support/servers/Http.ts"
import { pushReceiver } from "../support/servers/Receivers.ts"
import { shopAt } from "../support/servers/Shop.ts"
import { TestServers } from "../support/servers/TestServers.ts"

const opened = Effect.gen(function* () {
  const { environment } = yield* TestServers
  const push = yield* pushReceiver
  const pipeline = yield* startPipeline({ ...environment, PUSH_WEBHOOK_URL: push.url })
  const shop = shopAt(pipeline.url)
  yield* shop.setStock("lamp", 1_000)
  const order = Effect.fnUntraced(function* (userId: string, orderId: string) {
    yield* shop.create({ orderId, userId })
    yield* shop.pay(orderId)
    yield* shop.ship(orderId)
  })
  const get = (path: string) => Effect.map(call(pipeline.url, "GET", path), ({ json }) => json)
  const control = (body: object) =>
    call(pipeline.url, "POST", "/ops/control", { json: { actor: "eve", why: "to see", ...body } })
  const handler = (name: string) =>
    Effect.map(get("/ops/overview"), (json) => {
      const handlers = at(json, "handlers")
      return Array.isArray(handlers) ? handlers.find((one: unknown) => at(one, "name") === name) : undefined
    })
  return { environment, url: pipeline.url, push, shop, order, get, control, handler }
})

layer(TestServers.layer, { excludeTestServices: true, timeout: "90 seconds" })(
  "operations of a real pipeline",
  (it) => {
    it.effect("what is seen: rates, latency, lag, a trace that tells why something waits", () =>
      Effect.gen(function* () {
        const { control, get, handler, order, push } = yield* opened
        yield* order("ada", "o-1")
        yield* eventually(
          "all five handlers at rest",
          Effect.map(get("/ops/trace/o-1"), (json) => at(json, "verdict") === "yes, 3 of 3 handled by all")
        )
        const trace = yield* get("/ops/trace/o-1")
        assert.deepStrictEqual([at(trace, "key"), at(trace, "inOrder"), at(trace, "waits")], ["ada", true, []])
        assert.strictEqual(at(trace, "events", 1, "type"), "paid")
        assert.match(String(at(trace, "events", 0, "payload")), /"orderId":"o-1"/)
        yield* eventually(
          "a latency of every handler",
          Effect.map(
            get("/ops/overview"),
            (json) => Number(at(json, "latency", "p50")) > 0 && at(json, "lag", "events") === 0
          )
        )

        assert.strictEqual((yield* control({ act: "pause", handler: "push" })).status, 200)
        yield* order("ada", "o-2")
        yield* eventually(
          "the lag of what is paused",
          Effect.map(handler("push"), (one) => at(one, "lag") === 3 && Number(at(one, "oldestMs")) > 500)
        )
        assert.strictEqual(at(yield* handler("push"), "paused", "actor"), "eve")
        const waiting = yield* get("/ops/trace/o-2")
        assert.deepStrictEqual(at(waiting, "waits"), [
          "push: version 4 (created): the handler is paused by eve: to see"
        ])
        assert.lengthOf(push.pushes, 3)
        assert.strictEqual((yield* control({ act: "resume" })).status, 200)
        yield* eventually(
          "everything is pushed",
          Effect.sync(() => push.pushes.length === 6)
        )
        assert.deepStrictEqual(
          push.pushes.map(({ body }) => at(body, "version")),
          [1, 2, 3, 4, 5, 6]
        )
        const activity = yield* get("/ops/activity")
        assert.deepStrictEqual(
          [at(activity, 0, "what"), at(activity, 0, "cli"), at(activity, 1, "what")],
          ["resume", "pnpm start resume --all --why 'to see'", "pause"]
        )
      }).pipe(Effect.scoped)
    )

    it.effect("what is refused, and why", () =>
      Effect.gen(function* () {
        const { control } = yield* opened
        const refusal = (body: object) => Effect.map(control(body), ({ json, status }) => [status, at(json, "detail")])
        assert.deepStrictEqual(yield* refusal({ act: "pause", handler: "nope" }), [
          404,
          `there is no handler "nope"; there are analytics, mail, points, push, read-model`
        ])
        assert.deepStrictEqual(yield* refusal({ act: "pause", handler: "mail", partition: 99 }), [
          404,
          "mail has no partition 99"
        ])
        assert.strictEqual((yield* control({ act: "pause", partition: 1 })).status, 400)
        assert.strictEqual((yield* control({ act: "throttle", handler: "mail", perSecond: 0 })).status, 400)
        assert.strictEqual((yield* control({ act: "drain", instance: "nobody" })).status, 404)
        assert.strictEqual((yield* control({ act: "pause", actor: "" })).status, 400)
      }).pipe(Effect.scoped)
    )

    it.effect("read-only: everything is seen, and nothing is changed", () =>
      Effect.gen(function* () {
        const { environment } = yield* TestServers
        const { url } = yield* startPipeline({ ...environment, OPS_READ_ONLY: "true" })
        assert.strictEqual(at((yield* call(url, "GET", "/ops/overview")).json, "readOnly"), true)
        const by = { actor: "eve", why: "to see" }
        const refused = [
          yield* call(url, "POST", "/ops/control", { json: { act: "pause", ...by } }),
          yield* call(url, "POST", "/ops/parked/act", { json: { act: "replay", filter: {}, ...by } }),
          yield* call(url, "POST", "/ops/parked/edit", {
            json: { handler: "mail", key: "a", version: 1, payload: "{}", ...by }
          }),
          yield* call(url, "POST", "/ops/violations/acknowledge", { json: { handler: "mail", key: "a", ...by } })
        ]
        assert.deepStrictEqual(
          refused.map(({ status }) => status),
          [403, 403, 403, 403]
        )
        const dry = yield* call(url, "POST", "/ops/parked/act", {
          json: { act: "replay", filter: {}, dryRun: true, ...by }
        })
        assert.strictEqual(dry.status, 200)
      }).pipe(Effect.scoped)
    )
  }
)
