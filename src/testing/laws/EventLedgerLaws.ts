import { Effect, Exit, Option } from "effect"
import { noGeneration } from "../../pipeline/EventLedger.ts"
import { Inbox } from "../../pipeline/Inbox.ts"
import { ParkingDesk } from "../../pipeline/ParkingDesk.ts"
import { ParkingLot } from "../../pipeline/ParkingLot.ts"
import { eventLedgerFloorLaws } from "./EventLedgerFloorLaws.ts"
import { type LedgerPorts, at, opened } from "./EventLedgerLawWorld.ts"
import { type Law, lawsOf } from "./Law.ts"
import { present, reasonOf, tagOf, together } from "./LawWorld.ts"
import { assert } from "./assert.ts"

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

/** The laws of `EventLedger`. */
export const eventLedgerLaws = lawsOf<LedgerPorts>()({
  "an event is entered once, and what is committed with it": entersOnce,
  "effects that fail leave no entry": leavesNothingOfFailedEffects,
  "what is entered is asked for behind the effects": asksBehindTheEffects,
  "an entry in doubt is no reason to move the floor or to sum up, and stays done": doubtsPlaces,
  "of many that commit the same event one does": letsOneOfManyCommit,
  "what is recorded twice is there once, and is not put aside behind somebody's back": recordsWhatIsNew,
  "an event is put aside alone, under a name of its own": parksAlone,
  ...eventLedgerFloorLaws
})
