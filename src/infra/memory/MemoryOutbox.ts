import { Clock, Effect, Layer } from "effect"
import { EventLog } from "../../pipeline/EventLog.ts"
import { type Appended, type NewEntry, Outbox } from "../../pipeline/Outbox.ts"
import { VersionConflict } from "../../pipeline/PipelineError.ts"
import { outboxDoorbell } from "../../pipeline/Relay.ts"
import { Transactor } from "../../pipeline/Transactor.ts"
import { MemoryState } from "./MemoryState.ts"
import { atCommit, inTransaction } from "./MemoryTransactor.ts"

const outside =
  "Outbox.append was called outside a transaction: run it inside Transactor.run, together with the change that causes the event"

/** The outbox in memory. Rows appear to the relay when their transaction commits, never before. */
export const layer: Layer.Layer<Outbox, never, MemoryState | Transactor | EventLog> = Layer.effect(
  Outbox,
  Effect.gen(function* () {
    const state = yield* MemoryState
    const transactor = yield* Transactor
    const log = yield* EventLog

    const appendOne = Effect.fnUntraced(function* (stream: string, entry: NewEntry): Effect.fn.Return<Appended> {
      const tables = state.of(stream)
      const before = tables.heads.get(entry.key) ?? 0
      const version = before + 1
      yield* transactor.onRollback(Effect.sync(() => tables.heads.set(entry.key, before)))
      tables.heads.set(entry.key, version)
      const id = tables.nextId++
      const appendedAtMs = yield* Clock.currentTimeMillis
      yield* atCommit(() => tables.outbox.set(id, { ...entry, id, version, appendedAtMs }))
      return { eventId: entry.eventId, key: entry.key, version }
    })

    const append = Effect.fn("Outbox.append")(function* (
      stream: string,
      entries: ReadonlyArray<NewEntry>,
      options: { readonly expectedVersion?: number }
    ) {
      if (!(yield* inTransaction)) return yield* Effect.die(new Error(outside))
      const [first] = entries
      if (first === undefined) return []
      const { expectedVersion } = options
      if (expectedVersion !== undefined && (state.of(stream).heads.get(first.key) ?? 0) !== expectedVersion) {
        return yield* new VersionConflict({ key: first.key, expectedVersion })
      }
      const appended = yield* Effect.forEach(entries, (entry) => appendOne(stream, entry))
      yield* transactor.afterCommit(log.ring(outboxDoorbell(stream)))
      return appended
    })

    return Outbox.of({ append })
  })
)
