import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { transactional } from "../../src/pipeline/Handler.ts"
import { noteStream } from "../support/Ledger.ts"
import { pass, running } from "../support/Running.ts"

const notes = transactional(noteStream, "notes", {}, () => Effect.void)

describe("an instance that gets hundreds of partitions", () => {
  it.effect("opens them in portions, so that what it has is renewed in between, and has all of them soon", () =>
    Effect.gen(function* () {
      const { signals, start } = yield* running([notes], undefined, { partitions: 500 })
      yield* start("ada")
      const claimed = () => signals.flatMap((signal) => (signal._tag === "PartitionsClaimed" ? [signal.count] : []))
      yield* pass(20)
      assert.deepStrictEqual(claimed(), [128])
      yield* pass(980)
      assert.deepStrictEqual(claimed(), [128, 128, 128, 116])
    })
  )
})
