import { Effect, Layer } from "effect"
import * as MemoryPipeline from "../../../src/infra/memory/MemoryPipeline.ts"
import { MemoryState, type MemoryTables } from "../../../src/infra/memory/MemoryState.ts"
import { EventLog } from "../../../src/pipeline/EventLog.ts"
import { type NewEntry, Outbox } from "../../../src/pipeline/Outbox.ts"
import { outboxDoorbell } from "../../../src/pipeline/Relay.ts"
import { Transactor } from "../../../src/pipeline/Transactor.ts"
import { faithful, type Variant } from "../../support/World.ts"

/** Rows appear some milliseconds after their commit, not with it. The memory adapter did that once, and its versions gave it away. */
export const lateRows: Variant = {
  ...faithful,
  layer: Layer.effect(
    Outbox,
    Effect.gen(function* () {
      const state = yield* MemoryState
      const transactor = yield* Transactor
      const log = yield* EventLog
      return Outbox.of({
        append: Effect.fnUntraced(function* (stream, entries) {
          const appended = yield* Effect.forEach(entries, (entry) => appendOne(transactor, state.of(stream), entry))
          yield* transactor.afterCommit(log.ring(outboxDoorbell(stream)))
          return appended
        })
      })
    })
  ).pipe(Layer.provideMerge(MemoryPipeline.layer))
}

const appendOne = Effect.fnUntraced(function* (
  transactor: Transactor["Service"],
  tables: MemoryTables,
  entry: NewEntry
) {
  const before = tables.heads.get(entry.key) ?? 0
  const version = before + 1
  yield* transactor.onRollback(Effect.sync(() => tables.heads.set(entry.key, before)))
  tables.heads.set(entry.key, version)
  const id = tables.nextId++
  const appear = Effect.sync(() => tables.outbox.set(id, { ...entry, id, version }))
  yield* transactor.afterCommit(Effect.andThen(Effect.sleep((id * 13) % 30), appear))
  return { eventId: entry.eventId, key: entry.key, version }
})
