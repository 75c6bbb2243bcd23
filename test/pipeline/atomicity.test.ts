import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { MemoryState, rowKey } from "../../src/infra/memory/MemoryState.ts"
import { atCommit } from "../../src/infra/memory/MemoryTransactor.ts"
import { Inbox } from "../../src/pipeline/Inbox.ts"
import { Ownership } from "../../src/pipeline/Ownership.ts"
import { makeRandom } from "../../src/testing/Random.ts"
import { runSeeded } from "../../src/testing/SeededScheduler.ts"

/** A commit that is interrupted somewhere: which halves of it are there? */
const interruptedCommit = (seed: number) =>
  runSeeded(
    Effect.gen(function* () {
      const inbox = yield* Inbox
      const ownership = yield* Ownership
      const tables = (yield* MemoryState).of("t")
      yield* ownership.declare("t", ["points"], 1)
      const [claim] = yield* ownership.claim("t", "me", [{ handler: "points", partition: 0 }])
      if (claim === undefined) return yield* Effect.die(new Error("the partition was not free"))
      const made: Array<string> = []
      const moves = [{ key: "ada", from: 0, to: 1, parked: false }]
      const plan = { claim, cursorFrom: 0, cursorTo: 1, moves, parked: [], violations: [] }
      const committing = yield* inbox
        .commit(
          [plan],
          atCommit(() => made.push("effect"))
        )
        .pipe(Effect.forkChild)
      for (let i = makeRandom(seed).between(0, 60); i > 0; i--) yield* Effect.yieldNow
      yield* Fiber.interrupt(committing)
      yield* TestClock.adjust(1)
      return { effect: made.length, progress: tables.progress.get(rowKey("points", "ada"))?.version ?? 0 }
    }).pipe(Effect.provide(MemoryPipeline.layer)),
    seed
  )

describe("the memory inbox", () => {
  it.live("commits effects and progress together or not at all, wherever it is interrupted", () =>
    Effect.gen(function* () {
      const outcomes = new Set<number>()
      for (let seed = 1; seed <= 1_000; seed++) {
        const { effect, progress } = yield* interruptedCommit(seed)
        assert.strictEqual(progress, effect, `seed ${seed}: progress ${progress}, effects ${effect}`)
        outcomes.add(effect)
      }
      assert.deepStrictEqual([...outcomes].sort(), [0, 1])
    })
  )
})
