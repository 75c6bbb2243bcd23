/** The laws without vitest, as those use them who write an adapter of their own: what is broken is told by name. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { EffectLedger } from "../../src/pipeline/EffectLedger.ts"
import { adapterLaws, brokenLaws, checkLaws } from "../../src/testing/laws/AdapterLaws.ts"
import { memoryWorld } from "./MemoryWorld.ts"

/** An effect ledger that forgets at once what was confirmed. */
const forgetful = Layer.effect(
  EffectLedger,
  Effect.map(EffectLedger, (ledger) => ({ ...ledger, confirm: () => Effect.void }))
).pipe(Layer.provideMerge(memoryWorld))

describe("laws under any runner", () => {
  it.live("a faithful adapter keeps them all", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* checkLaws(adapterLaws.effectLedger, memoryWorld), 2)
      assert.deepStrictEqual(yield* brokenLaws(adapterLaws.eventLog, MemoryPipeline.layer), [])
    })
  )

  it.live("what an adapter does not keep is told by name, and the rest is kept", () =>
    Effect.gen(function* () {
      const broken = yield* brokenLaws(adapterLaws.outbox, memoryWorld)
      assert.deepStrictEqual(
        broken.map(({ law }) => law),
        ["appends to another key do not wait"]
      )
    })
  )

  it.live("a wrong adapter fails, with what was expected", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(checkLaws(adapterLaws.effectLedger, forgetful))
      assert.include(error.message, "broken: intentions are remembered")
      assert.include(error.message, "confirmed")
    })
  )
})
