// A relay that dies between publishing and recording, and a broker that loses just that: nobody is turned back, and a
// sequence comes to another event. Whoever has the first one in hand must not vouch for it.
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Latch, Layer } from "effect"
import { MemoryBroker } from "../../src/infra/memory/MemoryBroker.ts"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import type { MemoryTables } from "../../src/infra/memory/MemoryState.ts"
import { atCommit } from "../../src/infra/memory/MemoryTransactor.ts"
import { EventLedger, type LedgerCommit } from "../../src/pipeline/EventLedger.ts"
import { EventLog } from "../../src/pipeline/EventLog.ts"
import { balanced, external, transactional } from "../../src/pipeline/Handler.ts"
import { StoreUnavailable } from "../../src/pipeline/PipelineError.ts"
import { noteStream } from "../support/Ledger.ts"
import { pass, running } from "../support/Running.ts"

type Kind = "transactional" | "external"

const kinds: ReadonlyArray<Kind> = ["transactional", "external"]

interface State {
  doubts: number
  /** Closed while statements that enter something are under way. */
  readonly store: Latch.Latch
  /** Failures of statements to come: before they have an effect, or behind it. */
  readonly failures: Array<"refused" | "unanswered">
  /** Sequence and generation of "x" in what was written, one after the other. */
  readonly places: Array<readonly [seq: number, generation: number]>
}

/** Acknowledges as a server does, by sequence, whichever event is there now. Doubts are raised by the test. */
const doubtedLog = (log: EventLog["Service"], state: State) =>
  EventLog.of({
    ...log,
    share: (declaration, from) =>
      Effect.map(log.share(declaration, from), (shared) => ({
        ...shared,
        doubts: () => state.doubts,
        acknowledge: Effect.fnUntraced(function* (deliveries) {
          for (const { deliveries: count, stored } of deliveries) {
            const [there] = yield* Effect.orDie(log.refs(declaration.name, stored.seq - 1, stored.seq))
            if (there === undefined) continue
            yield* shared.acknowledge([{ deliveries: count, stored: { ...stored, eventId: there.eventId } }])
          }
        })
      }))
  })

/** Statements take as long, and fail, as the test says. What they write is fixed when they begin. */
const slowLedger = (ledger: EventLedger["Service"], state: State) => {
  const away = (detail: string) => new StoreUnavailable({ operation: "test", detail, cause: new Error(detail) })
  const begin = Effect.fnUntraced(function* (plan: () => LedgerCommit) {
    const one = plan()
    for (const { generation, stored } of one.done) if (stored.key === "x") state.places.push([stored.seq, generation])
    yield* state.store.await
    const failure = state.failures.shift()
    if (failure === "refused") return yield* away(failure)
    return { one, isUnanswered: failure === "unanswered" }
  })
  return EventLedger.of({
    ...ledger,
    commit: Effect.fnUntraced(function* (handler, plan, effects) {
      const begun: Array<Effect.Success<ReturnType<typeof begin>>> = []
      const last = Effect.map(begin(plan), (made) => void begun.push(made))
      yield* ledger.commit(handler, () => begun[0]?.one ?? plan(), Effect.andThen(effects, last))
      if (begun[0]?.isUnanswered === true) return yield* away("unanswered")
    }),
    record: Effect.fnUntraced(function* (one) {
      const { isUnanswered } = yield* begin(() => one)
      yield* ledger.record(one)
      if (isUnanswered) return yield* away("unanswered")
    })
  })
}

const doubtful = (state: State) =>
  Layer.effectContext(
    Effect.gen(function* () {
      const log = doubtedLog(yield* EventLog, state)
      return Context.make(EventLog, log).pipe(Context.add(EventLedger, slowLedger(yield* EventLedger, state)))
    })
    // The same ports, two of them changed.
  ).pipe(Layer.provideMerge(MemoryPipeline.layer)) as typeof MemoryPipeline.layer

/** "x" comes again, behind "y", whose row was committed meanwhile and has a smaller id. */
const giveAway = (tables: MemoryTables) => {
  tables.relay.lastSeq = 0
  for (const [id, key] of [
    [0.5, "y"],
    [1, "x"]
  ] as const) {
    const payload = JSON.stringify({ _tag: "Noted", key, text: "" })
    const row = { id, eventId: `e-${key}`, key, version: 1, slot: 0, type: "noted", traceparent: "", payload }
    tables.outbox.set(id, { ...row, again: true })
  }
}

/** "x" is in hand of ada, at 1, when the broker loses it and "y" gets its place. */
const lostInHand = Effect.fnUntraced(function* (kind: Kind) {
  const doors = { ada: yield* Latch.make(true), bob: yield* Latch.make(false) }
  const state: State = { doubts: 0, store: yield* Latch.make(true), failures: [], places: [] }
  const done: Array<string> = []
  const handler = (who: "ada" | "bob") => {
    const record = kind === "transactional" ? atCommit : Effect.sync
    const make = kind === "transactional" ? transactional : external
    const run = ({ key }: { readonly key: string }) =>
      Effect.andThen(
        key === "x" ? doors[who].await : Effect.void,
        record(() => void done.push(key))
      )
    return balanced(make(noteStream, "notes", {}, run))
  }
  const { append, services, signals, start, tables } = yield* running([handler("ada")], doubtful(state))
  const begin = Effect.gen(function* () {
    yield* start("ada")
    yield* pass(2_000)
    yield* append("x")
    yield* pass(1_000)
    yield* start("bob", [handler("bob")])
  })
  const lose = Effect.gen(function* () {
    yield* Context.get(services, MemoryBroker).loseTail(noteStream.name, 1)
    state.doubts += 1
    giveAway(tables)
    yield* pass(6_000)
  })
  const settled = Effect.gen(function* () {
    yield* pass(6_000)
    yield* doors.bob.open
    yield* pass(120_000)
    assert.strictEqual(tables.relay.rewinds, 0, "nobody was turned back")
    assert.isFalse(
      signals.some(({ _tag }) => _tag === "ConsumerAhead"),
      "nobody looked in between"
    )
    assert.sameMembers([...new Set(done)], ["x", "y"])
  })
  return { begin, lose, settled, state, doors }
})

describe.each(kinds)("a balanced %s handler", (kind) => {
  it.effect("does not vouch for a sequence that was doubted while it ran", () =>
    Effect.gen(function* () {
      const { begin, doors, lose, settled, state } = yield* lostInHand(kind)
      yield* doors.ada.close
      yield* begin
      yield* lose
      yield* doors.ada.open
      yield* settled
      assert.deepStrictEqual(state.places[0], [1, -1])
    })
  )

  it.effect.each([{ isAnswered: true }, { isAnswered: false }])(
    "nor for one that was doubted while its entry was on its way: %j",
    ({ isAnswered }) =>
      Effect.gen(function* () {
        const { begin, lose, settled, state } = yield* lostInHand(kind)
        yield* state.store.close
        if (!isAnswered) state.failures.push("unanswered")
        yield* begin
        yield* lose
        yield* state.store.open
        yield* settled
        assert.deepStrictEqual(state.places[0], [1, 0], "it was not in doubt when the statement began")
      })
  )

  it.effect("nor for one that was doubted between two tries", () =>
    Effect.gen(function* () {
      const { begin, lose, settled, state } = yield* lostInHand(kind)
      yield* state.store.close
      state.failures.push("refused")
      yield* begin
      yield* lose
      yield* state.store.open
      yield* settled
      const [first, ...later] = state.places.filter(([seq]) => seq === 1).map(([, generation]) => generation)
      assert.strictEqual(first, 0)
      assert.isNotEmpty(later)
      assert.isTrue(later.every((generation) => generation === -1))
    })
  )
})
