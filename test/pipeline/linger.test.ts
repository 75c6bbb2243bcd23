import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { batchEventsMax, batchLinger } from "../../src/pipeline/BatchCommit.ts"
import { balanced, transactionalBatch } from "../../src/pipeline/Handler.ts"
import { noteStream } from "../support/Ledger.ts"
import { pass, running } from "../support/Running.ts"

const batches = 40

const events = batches * batchEventsMax

const keys = Array.from({ length: events }, (_, i) => `key-${i % 1_000}`)

describe("a backlog", () => {
  for (const [name, kind] of [
    ["ordered", (handler) => handler],
    ["balanced", balanced]
  ] as ReadonlyArray<readonly [string, typeof balanced]>)
    it.effect(`is handled in full batches, one after the other without waiting for company: ${name}`, () =>
      Effect.gen(function* () {
        const done: Array<number> = []
        const handler = transactionalBatch(noteStream, "totals", {}, (deliveries) =>
          Effect.sync(() => void done.push(...deliveries.map(({ version }) => version)))
        )
        const world = yield* running([kind(handler)])
        yield* world.append(...keys)
        yield* world.start("ada")
        const begin = yield* Clock.currentTimeMillis
        let end = begin
        while (done.length < events) {
          yield* pass(10)
          end = yield* Clock.currentTimeMillis
        }
        // To find them full, not to wait for them: each would be the longest wait.
        assert.isBelow(end - begin, (batches * batchLinger.maxMs) / 2)
      })
    )
})
