import { Deferred, Effect, Fiber } from "effect"
import { type LedgerPorts, at, opened } from "./EventLedgerLawWorld.ts"
import { type Law, lawsOf } from "./Law.ts"
import { tagOf } from "./LawWorld.ts"
import { assert } from "./assert.ts"

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
    { key: "b", version: 2, isOpen: true },
    { key: "a", version: 4, isOpen: true }
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

/** The laws of the floor of `EventLedger`, and what is behind it. */
export const eventLedgerFloorLaws = lawsOf<LedgerPorts>()({
  "what is behind the floor is one version per key, and stays done": sumsUpBehindTheFloor,
  "the floor moves for the owner of partition 0, as it opened, and in its generation": advancesForItsOwnerOnly,
  "the floor moves over nothing that the ledger does not know of": believesItselfOnly,
  "what is missing behind the floor is said, and kept as evidence": noticesWhatIsMissing,
  "a handler that comes late begins with what is there": beginsAnywhere,
  "sequences of before a rewind are no reason to sum up": survivesARewind,
  "one that was summed up meanwhile is not committed": waitsForACommitUnderWay
})
