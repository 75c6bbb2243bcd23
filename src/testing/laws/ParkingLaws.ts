import { Effect, Exit, Option } from "effect"
import { type Law, lawsOf } from "./Law.ts"
import { commitOf, present, reasonOf, storedOf, tagOf } from "./LawWorld.ts"
import { parkingActLaws } from "./ParkingActLaws.ts"
import { type ParkingPorts, of, opened, parking } from "./ParkingLawWorld.ts"
import { assert } from "./assert.ts"

const isTriedWhenDue: Law<ParkingPorts> = Effect.gen(function* () {
  const { due, left, lot, park, right, stream, versions } = yield* opened
  yield* park(left, "now", 2, 0)
  yield* park(right, "later", 1, 60_000)
  yield* park(left, "given up", 1)
  assert.deepStrictEqual(yield* due, ["now"])
  assert.deepStrictEqual(yield* lot.due(stream, [{ handler: "mail", partition: 1 }], 10), [])
  assert.deepStrictEqual(yield* lot.due(stream, [], 10), [])
  assert.deepStrictEqual(yield* versions(left, "now"), [1, 2])
  assert.deepStrictEqual(yield* versions(right, "later"), [1])
  assert.isUndefined(yield* versions(left, "given up"))
  assert.isUndefined(yield* versions(left, "nobody"))
  const aside = yield* present(Option.getOrUndefined(yield* lot.next(left, "now", 1)))
  assert.deepStrictEqual([aside.attempts, aside.generation, aside.events.length], [3, 0, 1])
  assert.deepStrictEqual(aside.history, reasonOf("Boom", 3).history)
  assert.strictEqual(aside.events[0]?.payload, `"now 1"`)
})

const returnsWithItsLast: Law<ParkingPorts> = Effect.gen(function* () {
  const { due, effect, effects, isParked, left, lot, park, versions } = yield* opened
  yield* park(left, "a", 3, 0)
  yield* lot.settle(left, { key: "a", generation: 0, version: 1, last: false }, effect("one"))
  assert.deepStrictEqual(yield* versions(left, "a"), [2, 3])
  // What is behind may not be forgotten.
  assert.strictEqual(
    yield* tagOf(lot.settle(left, { key: "a", generation: 0, version: 2, last: true }, effect("no"))),
    "KeyChanged"
  )
  assert.isTrue(yield* isParked("a"))
  yield* lot.settle(left, { key: "a", generation: 0, version: 2, last: false }, effect("two"))
  yield* lot.settle(left, { key: "a", generation: 0, version: 3, last: true }, effect("three"))
  assert.deepStrictEqual(yield* effects, ["one", "two", "three"])
  assert.isFalse(yield* isParked("a"))
  assert.isUndefined(yield* versions(left, "a"))
  assert.deepStrictEqual(yield* due, [])
  // The live flow goes on without a gap.
  const { inbox } = yield* opened
  const next = { ...commitOf(left, [], 9), moves: [{ key: "a", from: 3, to: 4, parked: false }] }
  yield* inbox.commitOne(next)
})

const leavesNothingOfFailedEffects: Law<ParkingPorts> = Effect.gen(function* () {
  const { effect, effects, left, lot, park, versions } = yield* opened
  yield* park(left, "a", 2, 0)
  const done = { key: "a", generation: 0, version: 1, last: false }
  for (const end of [Effect.fail("no"), Effect.die("bug"), Effect.interrupt])
    assert.isTrue(Exit.isFailure(yield* Effect.exit(lot.settle(left, done, Effect.andThen(effect("half"), end)))))
  assert.deepStrictEqual(yield* effects, [])
  assert.deepStrictEqual(yield* versions(left, "a"), [1, 2])
  yield* lot.settle(left, done, effect("whole"))
  assert.strictEqual(yield* tagOf(lot.settle(left, done, effect("again"))), "KeyChanged")
  assert.deepStrictEqual(yield* effects, ["whole"])
})

const countsAttempts: Law<ParkingPorts> = Effect.gen(function* () {
  const { due, left, lot, park, shown } = yield* opened
  yield* park(left, "a", 2, 0)
  yield* lot.begin(left, of("a"))
  yield* lot.begin(left, of("a"))
  yield* lot.withdraw(left, of("a"))
  assert.strictEqual((yield* shown("a")).parked.attempts, 4)
  const failed = { attempt: 4, atMs: 9, tag: "Busy", message: "later", instance: "bob" }
  yield* lot.failed(left, of("a"), { version: 1, failed, stack: "s", retryInMs: 60_000 })
  assert.deepStrictEqual(yield* due, [])
  const { parked } = yield* shown("a")
  assert.deepStrictEqual([parked.status, parked.reason], ["retrying", { tag: "Busy", message: "later", stack: "s" }])
  assert.deepStrictEqual(parked.history, [...reasonOf("Boom", 3).history, failed])
  for (let i = 5; i < 40; i++)
    yield* lot.failed(left, of("a"), { version: 1, failed: { ...failed, attempt: i }, stack: "", retryInMs: 0 })
  const history = (yield* shown("a")).parked.history
  assert.deepStrictEqual([history.length, history[0]?.attempt, history.at(-1)?.attempt], [20, 20, 39])
  yield* lot.failed(left, of("a"), { version: 1, failed, stack: "", retryInMs: undefined })
  assert.strictEqual((yield* shown("a")).parked.status, "parked")
  assert.strictEqual((yield* shown("a")).parked.dueAtMs, undefined)
  assert.strictEqual(yield* tagOf(lot.begin(left, of("a"))), "KeyChanged")
  // The next event begins with none.
  yield* park(left, "b", 2, 0)
  yield* lot.begin(left, of("b"))
  yield* lot.settle(left, { key: "b", generation: 0, version: 1, last: false }, Effect.void)
  assert.deepStrictEqual([(yield* shown("b")).parked.attempts, (yield* shown("b")).parked.history], [0, []])
})

const keepsWhateverIsSaid: Law<ParkingPorts> = Effect.gen(function* () {
  const { inbox, left, lot, shown } = yield* opened
  const odd = "\0 \ud83d 'quoted' 🛒"
  const failed = { attempt: 4, atMs: 9, tag: odd, message: odd, instance: odd }
  const reason = { ...reasonOf("Boom", 3, 0), tag: odd, message: odd, stack: odd, history: [failed] }
  const [first] = parking(left, "a", 1, 0).parked
  yield* inbox.commitOne({ ...parking(left, "a", 1, 0), parked: [{ event: (yield* present(first)).event, reason }] })
  yield* lot.failed(left, of("a"), { version: 1, failed, stack: odd, retryInMs: 1e15 })
  const { parked } = yield* shown("a")
  assert.lengthOf(parked.history, 2)
  assert.include(parked.reason.message, "'quoted' 🛒")
})

const isFenced: Law<ParkingPorts> = Effect.gen(function* () {
  const { effect, effects, left, lot, ownership, park, versions } = yield* opened
  yield* park(left, "a", 1, 0)
  const next = yield* ownership.open(left)
  const failed = { attempt: 4, atMs: 9, tag: "Busy", message: "later", instance: "bob" }
  for (const stale of [left, { ...next, epoch: next.epoch - 1 }]) {
    assert.strictEqual(yield* tagOf(lot.begin(stale, of("a"))), "LeaseLost")
    assert.strictEqual(
      yield* tagOf(lot.settle(stale, { key: "a", generation: 0, version: 1, last: true }, effect("late"))),
      "LeaseLost"
    )
    const failure = { version: 1, failed, stack: "", retryInMs: undefined }
    assert.strictEqual(yield* tagOf(lot.failed(stale, of("a"), failure)), "LeaseLost")
  }
  assert.deepStrictEqual(yield* versions(next, "a"), [1])
  // The cursor is not its business: the live flow moves it meanwhile.
  yield* lot.settle({ ...next, cursor: 77 }, { key: "a", generation: 0, version: 1, last: true }, effect("in time"))
  assert.deepStrictEqual(yield* effects, ["in time"])
})

const waitsBehind: Law<ParkingPorts> = Effect.gen(function* () {
  const { inbox, isParked, left, lot, park, versions } = yield* opened
  yield* park(left, "a", 1, 0)
  const more = {
    ...commitOf(left, [], 5),
    moves: [{ key: "a", from: 1, to: 2, parked: true }],
    parked: [{ event: storedOf("a", 2, 5), reason: undefined }]
  }
  yield* lot.begin(left, of("a"))
  yield* inbox.commitOne(more)
  assert.strictEqual(
    yield* tagOf(lot.settle(left, { key: "a", generation: 0, version: 1, last: true }, Effect.void)),
    "KeyChanged"
  )
  yield* lot.settle(left, { key: "a", generation: 0, version: 1, last: false }, Effect.void)
  assert.deepStrictEqual(yield* versions(left, "a"), [2])
  assert.isTrue(yield* isParked("a"))
})

/** The laws of `ParkingLot` and `ParkingDesk`. */
export const parkingLaws = lawsOf<ParkingPorts>()({
  "a key that was put aside is tried when it is due, by the owner of its partition": isTriedWhenDue,
  "a key returns to the live flow with its last event, and not before": returnsWithItsLast,
  "effects that fail, die or are interrupted leave nothing, and take nothing away": leavesNothingOfFailedEffects,
  "attempts are counted before they are made, and remembered after": countsAttempts,
  "a failure may say whatever it likes, and come again whenever": keepsWhateverIsSaid,
  "an epoch or an opening before is refused; the cursor is not looked at": isFenced,
  "what arrives meanwhile waits behind": waitsBehind,
  ...parkingActLaws
})
