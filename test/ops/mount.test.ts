/** The operations of two pipelines in one application's router, as `millrace/ops` mounts them. */
import { assert, describe, it } from "@effect/vitest"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, Redacted, Schema } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { EventStream, Handler, Pipeline, Transactor } from "millrace"
import * as MemoryPipeline from "millrace/memory"
import * as Ops from "millrace/ops"
import { eventually } from "../support/servers/Eventually.ts"

const Noted = Schema.TaggedStruct("Noted", { key: Schema.String })

const streamOf = (name: string) =>
  EventStream.make(name, { subject: name, events: { noted: Noted }, key: (event) => event.key })

const North = streamOf("north")
const South = streamOf("south")
const northHandlers = [Handler.external(North, "north-mail", {}, ({ key }) => Effect.die(`no letter for ${key}`))]
const southHandlers = [Handler.external(South, "south-mail", {}, () => Effect.void)]
const token = Redacted.make("secret")

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/", HttpServerResponse.text("the application")),
  Ops.layer(North, { handlers: northHandlers, prefix: "/north", token, environment: "test" }),
  Ops.layer(South, { handlers: southHandlers, prefix: "/south", token, readOnly: true, command: "./south" })
)

const pipelines = Layer.mergeAll(
  Pipeline.layer(North, northHandlers).pipe(Layer.provide(Ops.signals)),
  Pipeline.layer(South, southHandlers).pipe(Layer.provide(Ops.signals))
)

const served = Effect.acquireRelease(
  Effect.sync(() => {
    const append = Layer.effectDiscard(
      Effect.flatMap(Transactor, ({ run }) => run(North.append([Noted.make({ key: "ada" })])))
    )
    const app = Layer.mergeAll(routes, pipelines, append).pipe(
      Layer.provide(MemoryPipeline.layer),
      Layer.provide(NodeHttpServer.layerHttpServices)
    )
    return HttpRouter.toWebHandler(app, { disableLogger: true })
  }),
  ({ dispose }) => Effect.promise(dispose)
)

describe("Ops.layer", () => {
  it.live("shows each pipeline under its prefix, to whoever has the token, beside the application's routes", () =>
    Effect.gen(function* () {
      const { handler } = yield* served
      const ask = (path: string, init: RequestInit = {}) =>
        Effect.promise(async () => {
          const headers = { authorization: "Bearer secret", "content-type": "application/json", ...init.headers }
          return handler(new Request(`http://localhost${path}`, { ...init, headers }))
        })
      const activity = (of: string) =>
        Effect.flatMap(ask(`/${of}/ops/activity`), (answer) => Effect.promise(() => answer.text()))

      assert.strictEqual(
        yield* Effect.flatMap(ask("/"), (answer) => Effect.promise(() => answer.text())),
        "the application"
      )
      for (const path of ["/north/ops/overview", "/south/ops/parked", "/north/ops/audit"]) {
        assert.strictEqual((yield* ask(path, { headers: { authorization: "Bearer wrong" } })).status, 401, path)
        assert.strictEqual((yield* ask(path)).status, 200, path)
      }
      assert.strictEqual((yield* ask("/ops/overview")).status, 404)
      for (const path of ["/north/console/", "/south/console/console.js"])
        assert.strictEqual((yield* ask(path, { headers: { authorization: "" } })).status, 200, path)

      // Told by the signals of its own pipeline, and of no other.
      yield* eventually(
        "the north says that a key is parked",
        Effect.map(activity("north"), (said) => said.includes("key parked for north-mail"))
      )
      assert.notInclude(yield* activity("south"), "north-mail")

      assert.include(
        yield* Effect.flatMap(ask("/north/metrics"), (answer) => Effect.promise(() => answer.text())),
        "millrace_"
      )

      const pause = { method: "POST", body: JSON.stringify({ act: "pause", actor: "test", why: "" }) }
      const paused = yield* ask("/north/ops/control", pause)
      assert.strictEqual(paused.status, 200)

      // What people are told to type is what this application has.
      const words = (path: string) => Effect.flatMap(ask(path), (answer) => Effect.promise(() => answer.text()))
      assert.include(yield* Effect.promise(() => paused.text()), `"cli":"npx millrace pause --all"`)
      assert.include(yield* activity("north"), `"cli":"npx millrace pause --all"`)
      assert.include(yield* words("/north/ops/overview"), `"command":"npx millrace"`)
      assert.include(yield* words("/south/ops/overview"), `"command":"./south"`)
      const remedies = yield* words("/north/ops/doctor")
      assert.include(remedies, "`npx millrace parked list`")
      assert.notInclude(remedies, "pnpm")
      assert.strictEqual((yield* ask("/south/ops/control", pause)).status, 403)
    }).pipe(Effect.scoped)
  )
})
