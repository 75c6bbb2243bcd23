import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { columnsOf } from "../../src/infra/memory/MemoryState.ts"
import { EventLog } from "../../src/pipeline/EventLog.ts"
import { transactional } from "../../src/pipeline/Handler.ts"
import { BrokerRefused } from "../../src/pipeline/PipelineError.ts"
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

  it.effect("those that cannot be opened do not keep it from the others", () =>
    Effect.gen(function* () {
      const refused = new BrokerRefused({ operation: "open", code: 10026, detail: "maximum consumers limit reached" })
      const ports = Layer.effect(
        EventLog,
        Effect.map(EventLog, (log) =>
          EventLog.of({
            ...log,
            open: (declaration, from) => (from.handler === "stuck" ? Effect.fail(refused) : log.open(declaration, from))
          })
        )
      ).pipe(Layer.provideMerge(MemoryPipeline.layer))
      const stuck = transactional(noteStream, "stuck", {}, () => Effect.void)
      const { start, tables } = yield* running([stuck, notes], ports, { partitions: 200 })
      yield* start("ada")
      yield* pass(10_000, 100)
      const owned = [...tables.leases].filter(([at, { owner }]) => columnsOf(at)[0] === "notes" && owner === "ada")
      assert.lengthOf(owned, 200)
    })
  )
})
