import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { transactionalBatch } from "../../src/pipeline/Handler.ts"
import { RelayStore } from "../../src/pipeline/RelayStore.ts"
import { relayTimingDefault } from "../../src/pipeline/Relay.ts"
import { noteStream } from "../support/Ledger.ts"
import { pass, running } from "../support/Running.ts"

const batches = 4

const events = (batches - 0.5) * relayTimingDefault.batchRowsMax

describe("a relay with a backlog", () => {
  it.effect(
    "reads each row once, those of a full batch's successor while it is published, and needs no second look",
    () =>
      Effect.gen(function* () {
        const reads: Array<readonly [rows: number, underWay: number]> = []
        const ports = Layer.effect(
          RelayStore,
          Effect.map(RelayStore, (inner) => ({
            ...inner,
            read: (...[stream, limit, underWay]: Parameters<typeof inner.read>) =>
              Effect.tap(inner.read(stream, limit, underWay), (rows) =>
                Effect.sync(() => reads.push([rows.length, underWay.length]))
              )
          }))
        ).pipe(Layer.provideMerge(MemoryPipeline.layer))
        const seen: Array<number> = []
        const handler = transactionalBatch(noteStream, "totals", {}, (deliveries) =>
          Effect.sync(() => void seen.push(...deliveries.map(({ version }) => version)))
        )
        const world = yield* running([handler], ports)
        yield* world.append(...Array.from({ length: events }, (_, i) => `key-${i % 10}`))
        yield* world.start("ada")
        yield* pass(1_000)
        const full = relayTimingDefault.batchRowsMax
        assert.deepStrictEqual(
          reads.filter(([rows]) => rows > 0),
          [
            [full, 0],
            [full, full],
            [full, full],
            [events % full, full]
          ]
        )
        assert.lengthOf(
          world.signals.filter(({ _tag }) => _tag === "Reconciled"),
          1
        )
        assert.lengthOf(seen, events)
        assert.strictEqual(world.tables.outbox.size, 0)
      })
  )
})
