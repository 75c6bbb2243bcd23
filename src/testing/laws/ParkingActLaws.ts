import { Effect, Option } from "effect"
import { type ParkedPlace, ParkingDesk, atOnce } from "../../pipeline/ParkingDesk.ts"
import { type Law, lawsOf } from "./Law.ts"
import { freshStream, present, tagOf } from "./LawWorld.ts"
import { type ParkingPorts, by, first, of, opened } from "./ParkingLawWorld.ts"
import { assert } from "./assert.ts"

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

/** The laws of what somebody does about parked keys. */
export const parkingActLaws = lawsOf<ParkingPorts>()({
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
