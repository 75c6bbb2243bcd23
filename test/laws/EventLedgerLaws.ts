import { assert } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option } from "effect"
import { AuditStore } from "../../src/pipeline/AuditStore.ts"
import type { StoredEvent } from "../../src/pipeline/Envelope.ts"
import { EventLedger, type LedgerCommit, noGeneration } from "../../src/pipeline/EventLedger.ts"
import { Inbox } from "../../src/pipeline/Inbox.ts"
import { Outbox } from "../../src/pipeline/Outbox.ts"
import { type Claim, Ownership } from "../../src/pipeline/Ownership.ts"
import { ParkingDesk } from "../../src/pipeline/ParkingDesk.ts"
import { ParkingLot } from "../../src/pipeline/ParkingLot.ts"
import { RelayStore } from "../../src/pipeline/RelayStore.ts"
import { entryOf, freshStream, reasonOf, storedOf } from "../infra/postgres/PgWorld.ts"
import { byPartition, claimed, type Law, present, rowsIn, suiteOf, tagOf, together } from "./LawSuite.ts"
import type { ParkingPorts } from "./ParkingLaws.ts"

/** The ports of a store with an event ledger. */
export type LedgerPorts = ParkingPorts | EventLedger | AuditStore

/** Where an event is. Everything is in partition 0 unless it says otherwise. */
interface Place {
  readonly generation?: number
  readonly partition?: number
}

const opened = Effect.gen(function* () {
  const stream = yield* freshStream
  const target = yield* freshStream
  const ledger = yield* EventLedger
  const outbox = yield* Outbox
  const ownership = yield* Ownership
  const relay = yield* RelayStore
  const audit = yield* AuditStore
  yield* ownership.declare(stream, ["mail"], 2)
  const claims = byPartition(yield* Effect.forEach(yield* claimed(stream, "ada", 2), ownership.open))
  const left = yield* present(claims[0])

  const commitOf = (
    events: ReadonlyArray<StoredEvent>,
    { generation = 0, partition = 0 }: Place = {}
  ): LedgerCommit => ({
    stream,
    handler: "mail",
    done: events.map((stored) => ({ stored, partition, generation })),
    parked: []
  })
  const commit = <E, R>(one: LedgerCommit, effects: Effect.Effect<void, E, R>) =>
    ledger.commit(one.handler, () => one, effects)
  const record = (events: ReadonlyArray<StoredEvent>, place: Place = {}) => ledger.record(commitOf(events, place))
  const isDone = (...events: ReadonlyArray<StoredEvent>) => ledger.isDone(stream, "mail", events)
  const advance = (
    afterSeq: number,
    to: { claim?: Claim; generation?: number; firstSeq?: number; isProven?: boolean } = {}
  ) =>
    Effect.map(ledger.advance({ claim: left, generation: 0, firstSeq: 1, isProven: true, afterSeq, ...to }), (answer) =>
      answer._tag === "moved" ? answer.gaps : answer._tag
    )
  const floor = Effect.map(ledger.start(stream, "mail"), ({ afterSeq }) => afterSeq)
  const effect = (what: string) => Effect.asVoid(outbox.append(target, [entryOf(what)], {}))
  const effects = Effect.map(rowsIn(target), (rows) => rows.map((row) => row.key))
  const facts = Effect.flatMap(audit.facts(stream), ({ handlers }) =>
    present(handlers.find((one) => one.name === "mail"))
  )
  const turnBack = Effect.fnUntraced(function* (toSeq: number) {
    const lease = yield* present(yield* relay.acquire(stream, "ada"))
    yield* relay.rewind(lease, { lastSeq: 0, streamCreated: "" }, { lastSeq: toSeq, streamCreated: "" })
  })
  const reads = { isDone, floor, effects, facts }
  const writes = { commit, commitOf, record, advance, effect, turnBack }
  return { stream, ledger, ownership, claims, left, ...writes, ...reads }
})

/** Events of a key by version, at the sequences 10, 20, 30 … times their version. */
const at = (key: string, version: number, seq = version * 10) => storedOf(key, version, seq)

const entersOnce: Law<LedgerPorts> = Effect.gen(function* () {
  const { commit, commitOf, effect, effects, isDone } = yield* opened
  const [a1, a3, b1] = [at("a", 1), at("a", 3), at("b", 1)]
  yield* commit(commitOf([a1, a3]), effect("first"))
  assert.deepStrictEqual(yield* isDone(a3, b1, at("a", 2), a1), [true, false, false, true])
  for (const again of [[a1], [a3, b1], [b1, a1]])
    assert.strictEqual(yield* tagOf(commit(commitOf(again), effect("again"))), "EventTaken")
  assert.deepStrictEqual(yield* isDone(b1), [false])
  yield* commit(commitOf([b1]), effect("second"))
  assert.deepStrictEqual(yield* effects, ["first", "second"])
  assert.deepStrictEqual(yield* isDone(), [])
})

const leavesNothingOfFailedEffects: Law<LedgerPorts> = Effect.gen(function* () {
  const { commit, commitOf, effect, effects, isDone } = yield* opened
  const one = commitOf([at("a", 1)])
  assert.strictEqual(yield* tagOf(commit(one, Effect.andThen(effect("half"), Effect.fail("no")))), "no")
  for (const end of [Effect.die("bug"), Effect.interrupt])
    assert.isTrue(Exit.isFailure(yield* Effect.exit(commit(one, Effect.andThen(effect("half"), end)))))
  assert.deepStrictEqual(yield* isDone(at("a", 1)), [false])
  assert.deepStrictEqual(yield* effects, [])
})

const asksBehindTheEffects: Law<LedgerPorts> = Effect.gen(function* () {
  const { advance, commitOf, effect, isDone, ledger } = yield* opened
  const place = { generation: 0 }
  const plan = () => commitOf([at("a", 1, 1)], place)
  const refused = { ...place, asked: false }
  const refuse = () => {
    refused.asked = true
    return plan()
  }
  assert.strictEqual(yield* tagOf(ledger.commit("mail", refuse, Effect.fail("no"))), "no")
  assert.isFalse(refused.asked)
  const doubting = Effect.andThen(
    effect("done"),
    Effect.sync(() => (place.generation = noGeneration))
  )
  yield* ledger.commit("mail", plan, Effect.asVoid(doubting))
  assert.deepStrictEqual(yield* isDone(at("a", 1)), [true])
  assert.strictEqual(yield* advance(1, { isProven: false }), "unproven")
})

const doubtsPlaces: Law<LedgerPorts> = Effect.gen(function* () {
  const { advance, facts, isDone, ledger, record, stream } = yield* opened
  const isProven = false
  yield* record([at("a", 1, 1), at("b", 1, 2), at("a", 2, 3)])
  assert.deepStrictEqual(yield* advance(1, { isProven }), [])
  // Of what is summed up, and of what was never entered, there is nothing to doubt, and nothing comes of it.
  yield* ledger.doubt(stream, "mail", [at("a", 2), at("a", 1), at("c", 1)])
  yield* ledger.doubt(stream, "mail", [at("a", 2)])
  assert.deepStrictEqual(yield* isDone(at("a", 1), at("b", 1), at("a", 2), at("c", 1)), [true, true, true, false])
  assert.deepStrictEqual(yield* advance(2, { isProven }), [])
  assert.strictEqual(yield* advance(3, { isProven }), "unproven")
  // Proven by the events themselves, the floor moves; the entry stays until a later one of its key is summed up.
  assert.deepStrictEqual(yield* advance(3), [])
  assert.deepStrictEqual((yield* facts).progress.get("a"), 1)
  assert.deepStrictEqual((yield* facts).beyond, new Map([["a", new Set([2])]]))
  yield* record([at("a", 3, 4)])
  assert.deepStrictEqual(yield* advance(4, { isProven }), [])
  assert.deepStrictEqual((yield* facts).progress.get("a"), 3)
  assert.deepStrictEqual((yield* facts).beyond, new Map())
})

const letsOneOfManyCommit: Law<LedgerPorts> = Effect.gen(function* () {
  const { commit, commitOf, effect, effects } = yield* opened
  const shared = at("a", 7)
  const exits = yield* together(8, (i) => Effect.exit(commit(commitOf([at(`own ${i}`, 1), shared]), effect(`${i}`))))
  assert.lengthOf(exits.filter(Exit.isSuccess), 1)
  assert.lengthOf(yield* effects, 1)
})

const recordsWhatIsNew: Law<LedgerPorts> = Effect.gen(function* () {
  const { commitOf, facts, isDone, ledger, record } = yield* opened
  const events = [at("a", 1), at("b", 1), at("a", 2)]
  yield* record(events.slice(0, 2))
  yield* record(events)
  assert.deepStrictEqual(yield* isDone(...events), [true, true, true])
  // What somebody has handled meanwhile is not put aside any more.
  const parked = [events[0] ?? at("a", 1), at("c", 1)].map((event) => ({
    event,
    reason: reasonOf("Boom", 1),
    alone: true as const
  }))
  yield* ledger.record({ ...commitOf(parked.map(({ event }) => event)), parked })
  const { beyond, parked: counts } = yield* facts
  assert.deepStrictEqual(counts, new Map([["c", 1]]))
  assert.deepStrictEqual([...(beyond.get("a") ?? [])].toSorted(), [1, 2])
})

const sumsUpBehindTheFloor: Law<LedgerPorts> = Effect.gen(function* () {
  const { advance, commit, commitOf, effect, effects, facts, floor, isDone, record } = yield* opened
  yield* record([at("a", 2), at("a", 1), at("b", 1), at("a", 4)])
  yield* record([at("c", 1)], { partition: 1 })
  assert.strictEqual(yield* floor, 0)
  assert.deepStrictEqual(yield* advance(25), [])
  assert.strictEqual(yield* floor, 25)
  const { beyond, progress, violations } = yield* facts
  assert.deepStrictEqual(
    progress,
    new Map([
      ["a", 2],
      ["b", 1],
      ["c", 1]
    ])
  )
  assert.deepStrictEqual(beyond, new Map([["a", new Set([4])]]))
  assert.deepStrictEqual(violations, [])
  assert.deepStrictEqual(yield* isDone(at("a", 1), at("a", 2), at("a", 3), at("a", 4)), [true, true, false, true])
  for (const one of [at("a", 1), at("a", 2), at("c", 1)])
    assert.strictEqual(yield* tagOf(commit(commitOf([one]), effect("again"))), "EventTaken")
  // Late, and behind the floor: it neither counts again nor goes back.
  yield* record([at("a", 1)])
  yield* record([at("a", 3)])
  assert.deepStrictEqual(yield* advance(45), [])
  assert.deepStrictEqual((yield* facts).progress.get("a"), 4)
  assert.deepStrictEqual((yield* facts).beyond, new Map())
  assert.deepStrictEqual(yield* advance(30), [])
  assert.strictEqual(yield* floor, 45)
  assert.deepStrictEqual(yield* effects, [])
})

const advancesForItsOwnerOnly: Law<LedgerPorts> = Effect.gen(function* () {
  const { advance, claims, facts, floor, left, ownership, record } = yield* opened
  yield* record([at("a", 1)])
  assert.strictEqual(yield* advance(10, { claim: { ...left, epoch: left.epoch + 1 } }), "refused")
  assert.strictEqual(yield* advance(10, { generation: 1 }), "refused")
  const again = yield* ownership.open(left)
  assert.strictEqual(yield* advance(10), "refused")
  assert.deepStrictEqual((yield* facts).progress, new Map())
  assert.strictEqual(yield* floor, 0)
  assert.deepStrictEqual(yield* advance(10, { claim: again }), [])
  assert.strictEqual(yield* floor, 10)
  assert.deepStrictEqual((yield* facts).progress, new Map([["a", 1]]))
  // For all partitions, whoever owns them.
  assert.deepStrictEqual((yield* facts).cursors, new Map(claims.map(({ partition }) => [partition, 10])))
})

const believesItselfOnly: Law<LedgerPorts> = Effect.gen(function* () {
  const { advance, facts, floor, record } = yield* opened
  const isProven = false
  yield* record([at("a", 1, 1), at("b", 1, 2), at("a", 3, 4)])
  assert.deepStrictEqual(yield* advance(2, { isProven }), [])
  // The broker says that 3 was acknowledged, and the ledger does not know of it.
  assert.strictEqual(yield* advance(4, { isProven }), "unproven")
  assert.strictEqual(yield* floor, 2)
  yield* record([at("a", 2, 3)])
  assert.deepStrictEqual(yield* advance(4, { isProven }), [])
  assert.strictEqual(yield* floor, 4)
  assert.deepStrictEqual((yield* facts).progress.get("a"), 3)
  // What the stream has no more need not be there.
  yield* record([at("c", 1, 9)])
  assert.strictEqual(yield* advance(9, { isProven, firstSeq: 8 }), "unproven")
  assert.deepStrictEqual(yield* advance(9, { isProven, firstSeq: 9 }), [])
})

const noticesWhatIsMissing: Law<LedgerPorts> = Effect.gen(function* () {
  const { advance, facts, record } = yield* opened
  yield* record([at("a", 1), at("b", 2), at("a", 2)])
  assert.deepStrictEqual(yield* advance(20), [{ key: "b", handledVersion: 0, version: 2 }])
  yield* record([at("a", 5), at("a", 4)])
  assert.deepStrictEqual(yield* advance(50), [{ key: "a", handledVersion: 2, version: 4 }])
  const { progress, violations } = yield* facts
  assert.deepStrictEqual(
    progress,
    new Map([
      ["a", 5],
      ["b", 2]
    ])
  )
  assert.deepStrictEqual(violations, [
    { key: "b", version: 2 },
    { key: "a", version: 4 }
  ])
})

const beginsAnywhere: Law<LedgerPorts> = Effect.gen(function* () {
  const { advance, facts, record } = yield* opened
  // The stream has lost its oldest events to age before the handler was there.
  yield* record([at("a", 7), at("a", 8)])
  assert.deepStrictEqual(yield* advance(80, { firstSeq: 2 }), [])
  assert.deepStrictEqual((yield* facts).progress, new Map([["a", 8]]))
  yield* record([at("a", 10)])
  assert.deepStrictEqual(yield* advance(100, { firstSeq: 2 }), [{ key: "a", handledVersion: 8, version: 10 }])
})

const survivesARewind: Law<LedgerPorts> = Effect.gen(function* () {
  const { advance, facts, isDone, ledger, left, ownership, record, stream, turnBack } = yield* opened
  yield* record([at("a", 1)])
  yield* advance(10)
  yield* record([at("a", 3, 30), at("a", 2, 20)])
  yield* advance(25)
  // 20 to 30 are lost; version 2 comes again at 40, behind sequences that were there before.
  yield* turnBack(15)
  assert.deepStrictEqual(yield* ledger.start(stream, "mail"), { generation: 1, afterSeq: 15 })
  assert.deepStrictEqual(yield* isDone(at("a", 1), at("a", 2), at("a", 3)), [true, true, true])
  yield* advance(35)
  assert.deepStrictEqual(yield* ledger.start(stream, "mail"), { generation: 1, afterSeq: 15 })
  const anew = yield* ownership.open(left)
  // In hand of before the rewind: its sequence is of then, and so are those of what is not yet handled.
  yield* record([at("b", 2, 31)])
  assert.deepStrictEqual(yield* advance(35, { claim: anew, generation: 1 }), [])
  assert.deepStrictEqual((yield* facts).progress, new Map([["a", 2]]))
  assert.deepStrictEqual(yield* isDone(at("b", 1), at("b", 2)), [false, true])
  yield* record([at("b", 1, 40), at("a", 4, 41), at("b", 3, 42)], { generation: 1 })
  assert.deepStrictEqual(yield* advance(45, { claim: anew, generation: 1 }), [])
  assert.deepStrictEqual(
    (yield* facts).progress,
    new Map([
      ["a", 4],
      ["b", 3]
    ])
  )
  assert.deepStrictEqual((yield* facts).beyond, new Map())
})

const parksAlone: Law<LedgerPorts> = Effect.gen(function* () {
  const { commit, commitOf, effect, effects, facts, isDone, left, record, stream } = yield* opened
  const desk = yield* ParkingDesk
  const lot = yield* ParkingLot
  const inbox = yield* Inbox
  const events = [at("user-7", 5), at("user-7", 2)] as const
  const parked = events.map((event, i) => ({
    event,
    reason: reasonOf("Boom", 1, i === 0 ? 0 : undefined),
    alone: true as const
  }))
  yield* commit({ ...commitOf(events), parked }, effect("company"))
  yield* record([at("user-7", 6)])
  assert.deepStrictEqual(yield* effects, ["company"])
  assert.deepStrictEqual(yield* isDone(...events), [true, true])
  const listed = (key: string) =>
    Effect.map(desk.list(stream, { key }, 10), (all) => all.map((one) => one.key).toSorted())
  assert.deepStrictEqual(yield* listed("user-7"), ["user-7@2", "user-7@5"])
  assert.deepStrictEqual(yield* listed("user-7@5"), ["user-7@5"])
  const shown = yield* present(
    Option.getOrUndefined(yield* desk.show(stream, { handler: "mail", key: "user-7@5" }, 10))
  )
  assert.deepStrictEqual(
    shown.events.map(({ event }) => event),
    [events[0]]
  )
  assert.isTrue(Option.isNone(yield* desk.show(stream, { handler: "mail", key: "user-7" }, 10)))
  assert.deepStrictEqual((yield* facts).parked, new Map([["user-7", 2]]))
  assert.deepStrictEqual(yield* inbox.progress(stream, "mail", ["user-7"]), [{ version: 0, parked: false }])

  const [due] = yield* lot.due(stream, [{ handler: "mail", partition: 0 }], 10)
  assert.strictEqual(due?.key, "user-7@5")
  const aside = yield* present(Option.getOrUndefined(yield* lot.next(left, "user-7@5", 10)))
  assert.deepStrictEqual(aside.events, [events[0]])
  yield* lot.begin(left, { key: "user-7@5", generation: 0 })
  yield* lot.settle(left, { key: "user-7@5", generation: 0, version: 5, last: true }, effect("at last"))
  assert.deepStrictEqual(yield* effects, ["company", "at last"])
  assert.deepStrictEqual(yield* listed("user-7"), ["user-7@2"])
  assert.strictEqual(yield* desk.count(stream, { key: "user-7" }), 1)
  const [first] = yield* desk.names(stream, { key: "user-7" }, 10)
  yield* desk.discard(stream, [yield* present(first)], { actor: "eve", why: "void" })
  assert.deepStrictEqual((yield* facts).discarded, new Map([["user-7", 1]]))
})

const waitsForACommitUnderWay: Law<LedgerPorts> = Effect.gen(function* () {
  const { advance, commit, commitOf, effect, effects, record } = yield* opened
  const [begun, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  const slow = Effect.andThen(Deferred.succeed(begun, undefined), Effect.andThen(Deferred.await(go), effect("slow")))
  // A slow instance is overtaken by another one, and what that one has recorded is summed up before it commits.
  const late = yield* Effect.forkScoped(tagOf(commit(commitOf([at("a", 1)]), slow)))
  yield* Deferred.await(begun)
  yield* record([at("a", 1)])
  yield* advance(10)
  yield* Deferred.succeed(go, undefined)
  assert.strictEqual(yield* Fiber.join(late), "EventTaken")
  assert.deepStrictEqual(yield* effects, [])
})

/** The laws of `EventLedger`. */
export const eventLedgerLaws = suiteOf<LedgerPorts>()({
  "an event is entered once, and what is committed with it": entersOnce,
  "effects that fail leave no entry": leavesNothingOfFailedEffects,
  "what is entered is asked for behind the effects": asksBehindTheEffects,
  "an entry in doubt is no reason to move the floor or to sum up, and stays done": doubtsPlaces,
  "of many that commit the same event one does": letsOneOfManyCommit,
  "what is recorded twice is there once, and is not put aside behind somebody's back": recordsWhatIsNew,
  "what is behind the floor is one version per key, and stays done": sumsUpBehindTheFloor,
  "the floor moves for the owner of partition 0, as it opened, and in its generation": advancesForItsOwnerOnly,
  "the floor moves over nothing that the ledger does not know of": believesItselfOnly,
  "what is missing behind the floor is said, and kept as evidence": noticesWhatIsMissing,
  "a handler that comes late begins with what is there": beginsAnywhere,
  "sequences of before a rewind are no reason to sum up": survivesARewind,
  "an event is put aside alone, under a name of its own": parksAlone,
  "one that was summed up meanwhile is not committed": waitsForACommitUnderWay
})
