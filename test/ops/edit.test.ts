import { assert, describe, it } from "@effect/vitest"
import { Data, Effect, Option } from "effect"
import { maskOf } from "../../src/ops/Mask.ts"
import { editEvent } from "../../src/ops/parkedActs.ts"
import { external } from "../../src/pipeline/Handler.ts"
import { retryPolicyDefault } from "../../src/pipeline/RetryPolicy.ts"
import { noteStream } from "../support/Ledger.ts"
import { pass, running } from "../support/Running.ts"

class Refused extends Data.TaggedError("Refused") {}

describe("an edit of a parked event", () => {
  it.effect("keeps the payload as it was given: numbers that JavaScript has not, too", () =>
    Effect.gen(function* () {
      const retry = { ...retryPolicyDefault, classify: () => "poison" as const }
      const world = yield* running([external(noteStream, "notes", { retry }, () => new Refused())])
      yield* world.start("ada")
      yield* world.append("a")
      yield* pass(3_000)
      const payload = `{"_tag":"Noted","key":"a","text":"","exact":9007199254740993}`
      const edit = { name: { handler: "notes", key: "a" }, version: 1, payload: `${payload}\n`, dryRun: false }
      const by = { actor: "eve", why: "to see" }
      const edited = yield* editEvent(noteStream, maskOf(noteStream), { ...edit, by }).pipe(
        Effect.provideContext(world.services)
      )
      assert.strictEqual(Option.getOrThrow(edited).after, payload)
      assert.strictEqual(world.tables.parked[0]?.event.payload, payload)
    })
  )
})
