import { assert } from "@effect/vitest"
import { Effect, Exit, Option } from "effect"
import { Inbox, type InboxCommit } from "../../src/pipeline/Inbox.ts"
import { type Claim, Ownership } from "../../src/pipeline/Ownership.ts"
import { Outbox } from "../../src/pipeline/Outbox.ts"
import { atOnce, ParkingDesk, type ParkedPlace } from "../../src/pipeline/ParkingDesk.ts"
import { ParkingLot } from "../../src/pipeline/ParkingLot.ts"
import { commitOf, entryOf, freshStream, reasonOf, storedOf } from "../infra/postgres/PgWorld.ts"
import { byPartition, claimed, type Law, present, rowsIn, type StorePorts, suiteOf, tagOf } from "./LawSuite.ts"

/** The ports of a store with its parking lot. */
export type ParkingPorts = StorePorts | ParkingLot | ParkingDesk

const by = { actor: "eve", why: "mended" }

/** Events 1, 2 … of a key are put aside, the first of them with a reason. */
const parking = (claim: Claim, key: string, events: number, retryInMs?: number): InboxCommit => ({
  ...commitOf(claim, []),
  cursorTo: claim.cursor,
  moves: [{ key, from: 0, to: events, parked: true }],
  parked: Array.from({ length: events }, (_, i) => ({
    event: { ...storedOf(key, i + 1, i + 1), payload: `"${key} ${i + 1}"` },
    reason: i === 0 ? reasonOf("Boom", 3, retryInMs) : undefined
  }))
})

/** A key as it was read before anybody acted on it. */
const of = (key: string, generation = 0) => ({ handler: "mail", key, generation })

const opened = Effect.gen(function* () {
  const stream = yield* freshStream
  const target = yield* freshStream
  const { desk, inbox, lot, outbox, ownership } = yield* Effect.all({
    desk: ParkingDesk,
    inbox: Inbox,
    lot: ParkingLot,
    outbox: Outbox,
    ownership: Ownership
  })
  yield* ownership.declare(stream, ["mail"], 2)
  const claims = byPartition(yield* Effect.forEach(yield* claimed(stream, "ada", 2), ownership.open))
  const [left, right] = [yield* present(claims[0]), yield* present(claims[1])]
  const park = (claim: Claim, key: string, events: number, retryInMs?: number) =>
    inbox.commitOne(parking(claim, key, events, retryInMs))
  const places = claims.map(({ handler, partition }) => ({ handler, partition }))
  const due = Effect.map(lot.due(stream, places, 10), (found) => found.map(({ key }) => key))
  const versions = (claim: Claim, key: string) =>
    Effect.map(lot.next(claim, key, 10), (aside) =>
      Option.getOrUndefined(Option.map(aside, ({ events }) => events.map(({ version }) => version)))
    )
  const isParked = (key: string) => Effect.map(inbox.progress(stream, "mail", [key]), ([one]) => one?.parked)
  const effect = (what: string) => Effect.asVoid(outbox.append(target, [entryOf(what)], {}))
  const effects = Effect.map(rowsIn(target), (rows) => rows.map((row) => row.key))
  const shown = (key: string) =>
    Effect.flatMap(desk.show(stream, of(key), 10), (found) => present(Option.getOrUndefined(found)))
  const stores = { desk, inbox, lot, ownership, stream }
  return { ...stores, left, right, park, due, versions, isParked, effect, effects, shown }
})

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

const isReplayed: Law<ParkingPorts> = Effect.gen(function* () {
  const { desk, due, left, lot, park, right, shown, stream, versions } = yield* opened
  yield* park(left, "a", 2)
  yield* park(right, "b", 1)
  yield* park(left, "c", 1)
  const names = [of("b"), of("nobody"), of("a")]
  assert.deepStrictEqual(yield* desk.replay(stream, names, atOnce, by), [true, false, true])
  assert.sameMembers([...(yield* due)], ["a", "b"])
  assert.deepStrictEqual(yield* versions(left, "a"), [1, 2])
  const aside = yield* present(Option.getOrUndefined(yield* lot.next(left, "a", 10)))
  assert.deepStrictEqual([aside.generation, aside.attempts, aside.history], [1, 0, []])
  const { acts, parked } = yield* shown("a")
  assert.strictEqual(parked.status, "retrying")
  const [act, ...more] = acts
  assert.deepStrictEqual([act?.act, act?.actor, act?.why, more], ["replay", "eve", "mended", []])
  // One after the other, if so wanted.
  yield* desk.replay(stream, [of("c"), of("a")], { afterMs: 0, everyMs: 60_000 }, by)
  assert.sameMembers([...(yield* due)], ["b", "c"])
  yield* desk.replay(stream, [of("c")], { afterMs: 60_000, everyMs: 0 }, by)
  assert.sameMembers([...(yield* due)], ["b"])
})

const first = (key: string, version = 1) => ({ ...of(key), version })

/** What was read before an act is not valid behind it. */
const isUndone = (
  act: (desk: ParkingDesk["Service"], stream: string) => Effect.Effect<unknown, unknown>
): Law<ParkingPorts> =>
  Effect.gen(function* () {
    const { desk, effect, effects, left, lot, park, shown, stream } = yield* opened
    yield* park(left, "a", 3, 0)
    yield* lot.begin(left, of("a"))
    yield* act(desk, stream)
    const { status } = (yield* shown("a")).parked
    const failed = { attempt: 4, atMs: 9, tag: "Busy", message: "later", instance: "bob" }
    const failure = { version: 1, failed, stack: "", retryInMs: undefined }
    const done = { ...of("a"), version: 2, last: false }
    assert.strictEqual(yield* tagOf(lot.begin(left, of("a"))), "KeyChanged")
    assert.strictEqual(yield* tagOf(lot.failed(left, of("a"), failure)), "KeyChanged")
    assert.strictEqual(yield* tagOf(lot.settle(left, done, effect("late"))), "KeyChanged")
    yield* lot.withdraw(left, of("a"))
    assert.deepStrictEqual(yield* effects, [])
    assert.strictEqual((yield* shown("a")).parked.status, status)
    const aside = yield* present(Option.getOrUndefined(yield* lot.next(left, "a", 10)))
    assert.strictEqual(aside.generation, 1)
  })

const isSkipped: Law<ParkingPorts> = Effect.gen(function* () {
  const { desk, isParked, left, lot, park, shown, stream, versions } = yield* opened
  yield* park(left, "a", 3)
  yield* park(left, "b", 1)
  assert.deepStrictEqual(yield* desk.skip(stream, [first("a"), first("b"), first("nobody")], by), [true, true, false])
  // Asked twice, it is done once: what is behind was never tried.
  assert.deepStrictEqual(yield* desk.skip(stream, [first("a")], by), [false])
  assert.deepStrictEqual(yield* versions(left, "a"), [2, 3])
  const [act] = (yield* shown("a")).acts
  assert.deepStrictEqual([act?.act, act?.version, act?.before], ["skip", 1, `"a 1"`])
  // The key is its owner's to return, also when nothing is left of it.
  assert.isTrue(yield* isParked("b"))
  assert.deepStrictEqual(yield* versions(left, "b"), [])
  assert.deepStrictEqual(yield* desk.skip(stream, [first("b")], by), [false])
  yield* lot.settle(left, { ...of("b", 1), version: undefined, last: true }, Effect.void)
  assert.isFalse(yield* isParked("b"))
})

const isDiscarded: Law<ParkingPorts> = Effect.gen(function* () {
  const { desk, left, lot, park, shown, stream, versions } = yield* opened
  yield* park(left, "a", 2)
  assert.deepStrictEqual(yield* desk.discard(stream, [of("a"), of("nobody")], by), [true, false])
  assert.deepStrictEqual(yield* versions(left, "a"), [])
  const { acts, parked } = yield* shown("a")
  assert.deepStrictEqual([parked.events, parked.first], [0, undefined])
  assert.sameMembers(
    acts.map(({ act, before, version }) => `${act} ${version} ${before}`),
    [`discard 1 "a 1"`, `discard 2 "a 2"`]
  )
  yield* lot.settle(left, { ...of("a", 1), version: undefined, last: true }, Effect.void)
})

const isEdited: Law<ParkingPorts> = Effect.gen(function* () {
  const { desk, left, park, shown, stream } = yield* opened
  yield* park(left, "a", 2)
  assert.isTrue(yield* desk.edit(stream, of("a"), 2, `"new"`, by))
  assert.isTrue(yield* desk.edit(stream, of("a"), 2, `"newer"`, by))
  assert.isFalse(yield* desk.edit(stream, of("a"), 3, `"new"`, by))
  assert.isFalse(yield* desk.edit(stream, of("nobody"), 1, `"new"`, by))
  const { acts, events, parked } = yield* shown("a")
  assert.deepStrictEqual(
    events.map(({ event, original }) => [event.payload, original]),
    [
      [`"a 1"`, undefined],
      [`"newer"`, `"a 2"`]
    ]
  )
  assert.deepStrictEqual(
    acts.map(({ act, after, before }) => [act, before, after]),
    [
      ["edit", `"new"`, `"newer"`],
      ["edit", `"a 2"`, `"new"`]
    ]
  )
  assert.strictEqual(parked.status, "parked")
  const second = Option.getOrUndefined(yield* desk.event(stream, of("a"), 2))
  assert.deepStrictEqual([second?.event.payload, second?.original], [`"newer"`, `"a 2"`])
  assert.isTrue(Option.isNone(yield* desk.event(stream, of("a"), 3)))
})

const isListed: Law<ParkingPorts> = Effect.gen(function* () {
  const { desk, left, lot, park, right, stream } = yield* opened
  for (const key of ["a", "b", "c"]) yield* park(left, key, 1)
  yield* park(right, "d", 2, 60_000)
  const keys = (filter: Parameters<typeof desk.list>[1], max = 10, after?: ParkedPlace) =>
    Effect.map(desk.list(stream, filter, max, after), (found) => found.map((one) => one.key))
  assert.deepStrictEqual(yield* keys({}), ["a", "b", "c", "d"])
  assert.deepStrictEqual(yield* keys({}, 2), ["a", "b"])
  const b = yield* present((yield* desk.list(stream, {}, 2))[1])
  assert.deepStrictEqual(yield* keys({}, 2, b), ["c", "d"])
  assert.deepStrictEqual(yield* keys({ status: "retrying" }), ["d"])
  assert.deepStrictEqual(yield* keys({ key: "c", handler: "mail", tag: "Boom" }), ["c"])
  assert.deepStrictEqual(yield* keys({ handler: "push" }), [])
  assert.deepStrictEqual(yield* keys({ tag: "Bang" }), [])
  assert.deepStrictEqual(yield* keys({ olderThanMs: 60_000 }), [])
  assert.strictEqual((yield* keys({ olderThanMs: 0 })).length, 4)
  assert.strictEqual(yield* desk.count(stream, { status: "parked" }), 3)
  assert.deepStrictEqual(yield* desk.names(stream, { status: "parked" }, 2), [
    { handler: "mail", key: "a", version: 1 },
    { handler: "mail", key: "b", version: 1 }
  ])
  const [, , , d] = yield* desk.list(stream, {}, 10)
  assert.deepStrictEqual([d?.partition, d?.events, d?.first?.version, d?.attempts], [1, 2, 1, 3])
  assert.deepStrictEqual(yield* desk.list(yield* freshStream, {}, 10), [])
  assert.deepStrictEqual(yield* lot.count(stream), [{ handler: "mail", events: 5, eventsOfOneKey: 2 }])
  assert.deepStrictEqual(yield* lot.count(yield* freshStream), [])
  // A page goes on behind a key that has gone meanwhile.
  yield* desk.discard(stream, [b], by)
  yield* lot.settle(left, { ...of("b", 1), version: undefined, last: true }, Effect.void)
  assert.deepStrictEqual(yield* keys({}), ["a", "c", "d"])
  assert.deepStrictEqual(yield* keys({}, 2, b), ["c", "d"])
})

/** The laws of `ParkingLot` and `ParkingDesk`. */
export const parkingLaws = suiteOf<ParkingPorts>()({
  "a key that was put aside is tried when it is due, by the owner of its partition": isTriedWhenDue,
  "a key returns to the live flow with its last event, and not before": returnsWithItsLast,
  "effects that fail, die or are interrupted leave nothing, and take nothing away": leavesNothingOfFailedEffects,
  "attempts are counted before they are made, and remembered after": countsAttempts,
  "a failure may say whatever it likes, and come again whenever": keepsWhateverIsSaid,
  "an epoch or an opening before is refused; the cursor is not looked at": isFenced,
  "what arrives meanwhile waits behind": waitsBehind,
  "a replay makes all events of a key due under a new generation, and is on record": isReplayed,
  "what was read before a replay is not valid behind it": isUndone((desk, stream) =>
    desk.replay(stream, [of("a")], atOnce, by)
  ),
  "what was read before an event was skipped is not valid behind it": isUndone((desk, stream) =>
    desk.skip(stream, [first("a")], by)
  ),
  "what was read before all was discarded is not valid behind it": isUndone((desk, stream) =>
    desk.discard(stream, [of("a")], by)
  ),
  "what was read before an edit is not valid behind it": isUndone((desk, stream) =>
    desk.edit(stream, of("a"), 2, `"new"`, by)
  ),
  "skipping takes the first event out, and on record, and lets the rest go on": isSkipped,
  "discarding takes all events out, each on record": isDiscarded,
  "an edit keeps the original and every version on record": isEdited,
  "lists are in the order of parking, narrowed, and page by page": isListed
})
