import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { lagAt, type Sample } from "../../src/ops/Sample.ts"
import { takeSample } from "../../src/ops/takeSample.ts"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { Ownership } from "../../src/pipeline/Ownership.ts"
import { StreamView } from "../../src/pipeline/StreamView.ts"

const partitions = 100

describe("what nobody reads", () => {
  it.effect("is asked about in turns, and known of every partition", () =>
    Effect.gen(function* () {
      const services = yield* Layer.build(MemoryPipeline.layer)
      const stream = Context.get(services, StreamView)
      const asked: Array<number> = []
      // Three events in each, the oldest stored a second before the clock began.
      const behind: (typeof stream)["behind"] = (_, partition) =>
        Effect.sync(() => {
          asked.push(partition)
          return { events: 3, oldestStoredAtMs: -1_000 }
        })
      yield* Context.get(services, Ownership).declare("s", ["mail"], partitions)
      const declaration = { name: "s", subject: "s", partitions }
      const look = (before: Sample | undefined) =>
        takeSample(declaration, before, 10).pipe(
          Effect.provideContext(Context.add(services, StreamView, { ...stream, behind }))
        )
      const lagOf = ({ lags }: Sample, partition: number) => lags.get(lagAt("mail", partition))

      const first = yield* look(undefined)
      assert.strictEqual(asked.length, 64)
      yield* TestClock.adjust(1_000)
      const second = yield* look(first)
      assert.strictEqual(new Set(asked).size, partitions)
      for (let partition = 0; partition < partitions; partition++)
        assert.deepStrictEqual([lagOf(second, partition)?.events, lagOf(second, partition)?.oldestMs], [3, 2_000])
      asked.length = 0
      let last = second
      for (let i = 0; i < 13; i++) {
        yield* TestClock.adjust(1_000)
        last = yield* look(last)
      }
      assert.strictEqual(asked.length, 13 * 8)
      // All have had their turn before one has two.
      assert.strictEqual(new Set(asked.slice(0, partitions)).size, partitions)
    }).pipe(Effect.scoped)
  )
})
