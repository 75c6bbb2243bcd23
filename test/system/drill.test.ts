import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { runApp } from "../support/servers/AppProcess.ts"

const Result = Schema.fromJsonString(
  Schema.Struct({
    ok: Schema.Boolean,
    events: Schema.Int,
    lost: Schema.Int,
    outOfOrder: Schema.Int,
    duplicated: Schema.Int,
    disasters: Schema.Array(Schema.String)
  })
)

describe("a drill", () => {
  it.live.each(["broker", "relay"])(
    "%s strikes, and nothing is lost, doubled or out of order",
    (name) =>
      Effect.gen(function* () {
        const size = ["--cycles", "1", "--events", "300", "--down", "2", "--seed", "1"]
        const run = yield* runApp(["drill", name, ...size, "--output", "json"])
        assert.strictEqual(run.code, 0, run.stderr + run.stdout)
        const result = yield* Schema.decodeEffect(Result)(run.stdout)
        assert.deepInclude(result, { ok: true, lost: 0, outOfOrder: 0, duplicated: 0 })
        assert.isAtLeast(result.events, 300)
        assert.lengthOf(result.disasters, 1)
        assert.include(run.stderr, `1/1  ${name}`)
      }),
    120_000
  )
})
