import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { rowKey } from "../../src/infra/memory/MemoryState.ts"
import { atCommit } from "../../src/infra/memory/MemoryTransactor.ts"
import { EventLog } from "../../src/pipeline/EventLog.ts"
import { balanced, type Delivery, external, type Handler, transactional } from "../../src/pipeline/Handler.ts"
import { type Noted, noteStream } from "../support/Ledger.ts"
import { pass, running } from "../support/Running.ts"

type Note = Delivery<typeof Noted.Type>

type Kind = readonly [
  name: string,
  make: (run: (note: Note) => Effect.Effect<void>) => Handler<never>,
  record: (effect: () => void) => Effect.Effect<void>
]

const kinds: ReadonlyArray<Kind> = [
  ["transactional", (run) => balanced(transactional(noteStream, "notes", {}, run)), atCommit],
  ["external", (run) => balanced(external(noteStream, "notes", { breaker: "none" }, run)), Effect.sync]
]

/** Somebody deletes the shared consumer at the broker, whose next one begins behind the floor. */
const deleteConsumer = Effect.gen(function* () {
  const log = yield* EventLog
  const declaration = { name: noteStream.name, subject: "t", partitions: 1 }
  const nothing = { generation: 0, afterSeq: 0, inHandMax: 0, ackWait: Duration.seconds(30) }
  const { forget } = yield* log.share(declaration, { handler: "notes", ...nothing })
  yield* forget
}).pipe(Effect.scoped)

describe.each(kinds)("what a balanced %s handler is given again, and has handled,", (_, make, record) => {
  it.effect("is not begun again, not even in a transaction that would be rolled back", () =>
    Effect.gen(function* () {
      const begun: Array<string> = []
      const done: Array<string> = []
      const handler = make(({ key }) => {
        begun.push(key)
        return record(() => done.push(key))
      })
      const { append, services, signals, start, tables } = yield* running([handler])
      yield* start("ada")
      yield* pass(6_000)
      // Two batches: behind the first one the ledger is not asked any more.
      yield* append("a", "b")
      yield* pass(500)
      yield* append("c", "d")
      yield* pass(500)
      assert.strictEqual(tables.leases.get(rowKey("notes", 0))?.cursor, 0, "the floor is behind none of them yet")
      yield* Effect.provideContext(deleteConsumer, services)
      yield* pass(3_000)
      yield* append("e")
      yield* pass(8_000)
      assert.isTrue(signals.some(({ _tag }) => _tag === "DeliveriesInterrupted"))
      assert.strictEqual(tables.leases.get(rowKey("notes", 0))?.cursor, 5, "all of them came again")
      assert.deepStrictEqual(begun.toSorted(), ["a", "b", "c", "d", "e"])
      assert.deepStrictEqual(done.toSorted(), ["a", "b", "c", "d", "e"])
    })
  )
})

describe("an event that another instance has handled meanwhile", () => {
  it.effect("is not to blame for what a transaction fails with for that alone, such as a row that is there", () =>
    Effect.gen(function* () {
      const rows: Array<string> = []
      const refused: Array<string> = []
      const handler = balanced(
        transactional(noteStream, "notes", {}, ({ key }) => {
          if (!rows.includes(key)) return atCommit(() => rows.push(key))
          refused.push(key)
          return Effect.die(new Error("duplicate key value violates a unique constraint"))
        })
      )
      const { append, signals, start, tables } = yield* running([handler])
      const ada = yield* start("ada")
      yield* append("a")
      yield* pass(2_000)
      // Frozen, and given one of the two by the broker.
      yield* ada.fate.awake.close
      yield* start("bob")
      yield* append("b", "c")
      yield* pass(20_000)
      assert.lengthOf(rows, 2)
      const own = ["b", "c"].find((key) => !rows.includes(key))
      // The other instance gets it after the ack wait.
      yield* pass(30_000)
      assert.sameMembers(rows, ["a", "b", "c"])
      yield* ada.fate.awake.open
      yield* pass(5_000)
      assert.deepStrictEqual(refused, [own])
      assert.sameMembers(rows, ["a", "b", "c"])
      assert.strictEqual(tables.parkedKeys.size, 0)
      const said = signals.filter(({ _tag }) => _tag === "EventParked" || _tag === "AttemptFailed")
      assert.deepStrictEqual(said, [])
    })
  )
})
