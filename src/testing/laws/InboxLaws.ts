import { Effect, Exit } from "effect"
import { Inbox, type InboxCommit } from "../../pipeline/Inbox.ts"
import { Outbox } from "../../pipeline/Outbox.ts"
import { type Claim, Ownership } from "../../pipeline/Ownership.ts"
import { type Law, lawsOf } from "./Law.ts"
import {
  type StorePorts,
  byPartition,
  claimed,
  commitOf,
  entryOf,
  freshStream,
  present,
  reasonOf,
  rowsIn,
  storedOf,
  tagOf,
  together
} from "./LawWorld.ts"
import { LeaseClock } from "./LeaseClock.ts"
import { assert } from "./assert.ts"

/** Two partitions of a handler, opened, and readings of all that a commit may write. */
const opened = Effect.gen(function* () {
  const stream = yield* freshStream
  const target = yield* freshStream
  const inbox = yield* Inbox
  const outbox = yield* Outbox
  const ownership = yield* Ownership
  yield* ownership.declare(stream, ["mail"], 2)
  const claims = byPartition(yield* Effect.forEach(yield* claimed(stream, "ada", 2), ownership.open))
  const [left, right] = [yield* present(claims[0]), yield* present(claims[1])]
  const versions = (...keys: ReadonlyArray<string>) =>
    Effect.map(inbox.progress(stream, "mail", keys), (all) => all.map((one) => one.version))
  // An append is an effect of the store like any other, and the relay's side of the outbox shows whether it is there.
  const effect = (what: string) => Effect.asVoid(outbox.append(target, [entryOf(what)], {}))
  const effects = Effect.map(rowsIn(target), (rows) => rows.map((row) => row.key))
  const cursors = Effect.map(ownership.renew(claims), (all) => byPartition(all).map((claim) => claim.cursor))
  return { stream, inbox, ownership, left, right, versions, effect, effects, cursors }
})

/** A commit that handles the first event of a key and parks it. */
const parking = (claim: Claim, key: string): InboxCommit => ({
  ...commitOf(claim, [], claim.cursor + 1),
  moves: [{ key, from: 0, to: 1, parked: true }],
  parked: [{ event: storedOf(key, 1, claim.cursor + 1), reason: reasonOf("Boom", 3) }],
  violations: [{ event: storedOf(key, 9, claim.cursor + 1), handledVersion: 1 }]
})

/** Groups may neither park nor violate. */
const withoutParking = (commit: InboxCommit): InboxCommit => ({
  ...commit,
  moves: commit.moves.map((move) => ({ ...move, parked: false })),
  parked: [],
  violations: []
})

const claiming = (commit: InboxCommit, other: Partial<Claim>) => ({ ...commit, claim: { ...commit.claim, ...other } })

/** A commit that is right but for one thing is refused in every way there is, and nothing of it or of its company stays. */
const refuses = (spoil: (commit: InboxCommit) => InboxCommit): Law<StorePorts> =>
  Effect.gen(function* () {
    const { cursors, effect, effects, inbox, left, right, stream, versions } = yield* opened
    yield* inbox.commitOne(commitOf(left, ["a"], 3))
    const good = parking({ ...left, cursor: 3 }, "b")
    const bad = spoil(good)
    const company = parking(right, "c")
    for (const commits of [[bad], [bad, company], [company, bad]]) {
      assert.strictEqual(yield* tagOf(inbox.commit(commits, effect("late"))), "LeaseLost")
    }
    assert.strictEqual(yield* tagOf(inbox.commitOne(bad)), "LeaseLost")
    assert.deepStrictEqual(yield* inbox.commitGroup([withoutParking(bad)]), [false])
    assert.deepStrictEqual(yield* effects, [])
    assert.deepStrictEqual(yield* cursors, [3, 0])
    assert.deepStrictEqual(yield* versions("a", "b", "c"), [1, 0, 0])
    // Evidence of a refused commit would be in the way of the right one.
    yield* inbox.commit([company, good], effect("in time"))
    assert.deepStrictEqual(yield* effects, ["in time"])
    assert.deepStrictEqual(yield* cursors, [4, 1])
    assert.deepStrictEqual(yield* inbox.progress(stream, "mail", ["b", "c"]), [
      { version: 1, parked: true },
      { version: 1, parked: true }
    ])
  })

const fromVersion = (from: number, key = "b") =>
  refuses((commit) => ({ ...commit, moves: [...commit.moves, { key, from, to: from + 1, parked: false }] }))

const answersInOrder: Law<StorePorts> = Effect.gen(function* () {
  const { inbox, left, stream, versions } = yield* opened
  yield* inbox.commitOne({ ...commitOf(left, ["a"], 1), moves: [{ key: "a", from: 0, to: 4, parked: false }] })
  assert.deepStrictEqual(yield* versions("z", "a", "y", "a"), [0, 4, 0, 4])
  assert.deepStrictEqual(yield* inbox.progress(stream, "other", ["a"]), [{ version: 0, parked: false }])
  assert.deepStrictEqual(yield* inbox.progress(yield* freshStream, "mail", ["a"]), [{ version: 0, parked: false }])
  assert.deepStrictEqual(yield* versions(), [])
})

const commitsTogether: Law<StorePorts> = Effect.gen(function* () {
  const { cursors, effect, effects, inbox, left, right, versions } = yield* opened
  const both = Effect.andThen(effect("one"), effect("two"))
  yield* inbox.commit([commitOf(right, ["c"], 5), commitOf(left, ["a", "b"], 7)], both)
  assert.deepStrictEqual(yield* effects, ["one", "two"])
  assert.deepStrictEqual(yield* cursors, [7, 5])
  assert.deepStrictEqual(yield* versions("a", "b", "c"), [1, 1, 1])
})

const leavesNothingOfFailedEffects: Law<StorePorts> = Effect.gen(function* () {
  const { cursors, effect, effects, inbox, left, right, versions } = yield* opened
  const commits = [parking(left, "a"), parking(right, "b")]
  assert.strictEqual(yield* tagOf(inbox.commit(commits, Effect.andThen(effect("half"), Effect.fail("no")))), "no")
  for (const end of [Effect.die("bug"), Effect.interrupt]) {
    assert.isTrue(Exit.isFailure(yield* Effect.exit(inbox.commit(commits, Effect.andThen(effect("half"), end)))))
  }
  assert.deepStrictEqual(yield* effects, [])
  assert.deepStrictEqual(yield* cursors, [0, 0])
  assert.deepStrictEqual(yield* versions("a", "b"), [0, 0])
  yield* inbox.commit(commits, effect("whole"))
  assert.deepStrictEqual(yield* effects, ["whole"])
})

const fencesAnEpochBefore: Law<StorePorts> = Effect.gen(function* () {
  const { effect, effects, inbox, left, ownership, right, stream, versions } = yield* opened
  yield* (yield* LeaseClock).expire(stream)
  const [fresh] = yield* claimed(stream, "bob", 1)
  const zombie = [commitOf(right, ["b"]), commitOf(left, ["a"])]
  assert.strictEqual(yield* tagOf(inbox.commit(zombie, effect("late"))), "LeaseLost")
  // Late too, but nobody took it.
  assert.deepStrictEqual(yield* inbox.commitGroup(zombie), [true, false])
  const owner = yield* ownership.open(yield* present(fresh))
  yield* inbox.commit([commitOf(owner, ["a"])], effect("in time"))
  assert.deepStrictEqual(yield* effects, ["in time"])
  assert.deepStrictEqual(yield* versions("a", "b"), [1, 1])
})

const fencesAnOpeningBefore: Law<StorePorts> = Effect.gen(function* () {
  const { effect, effects, inbox, left, ownership } = yield* opened
  const next = yield* ownership.open(left)
  // The cursor stays where it is: only the opening tells the two apart.
  const plan = (claim: Claim) => ({ ...commitOf(claim, ["a"]), cursorTo: claim.cursor })
  assert.strictEqual(yield* tagOf(inbox.commit([plan(left)], effect("late"))), "LeaseLost")
  assert.strictEqual(yield* tagOf(inbox.commitOne(plan(left))), "LeaseLost")
  assert.deepStrictEqual(yield* inbox.commitGroup([plan(left)]), [false])
  yield* inbox.commit([plan(next)], effect("in time"))
  assert.deepStrictEqual(yield* effects, ["in time"])
})

/** The fence is looked at when the effects are done, not when they begin. */
const fencedMeanwhile = (meanwhile: (claim: Claim) => Law<StorePorts>): Law<StorePorts> =>
  Effect.gen(function* () {
    const { effect, effects, inbox, left, versions } = yield* opened
    const slow = Effect.andThen(effect("late"), Effect.orDie(meanwhile(left)))
    assert.strictEqual(yield* tagOf(Effect.scoped(inbox.commit([commitOf(left, ["a"])], slow))), "LeaseLost")
    assert.deepStrictEqual(yield* effects, [])
    assert.deepStrictEqual(yield* versions("a"), [0])
  })

const openedMeanwhile = fencedMeanwhile((claim) => Effect.flatMap(Ownership, ({ open }) => Effect.asVoid(open(claim))))

const claimedMeanwhile = fencedMeanwhile(({ stream }) =>
  Effect.gen(function* () {
    yield* (yield* LeaseClock).expire(stream)
    assert.lengthOf(yield* claimed(stream, "bob", 1), 1)
  })
)

const committedMeanwhile = Effect.gen(function* () {
  const { cursors, effect, effects, inbox, left, versions } = yield* opened
  const exits = yield* together(6, (i) => Effect.exit(inbox.commit([commitOf(left, ["a"], 2)], effect(`try ${i}`))))
  assert.lengthOf(exits.filter(Exit.isSuccess), 1)
  assert.lengthOf(yield* effects, 1)
  assert.deepStrictEqual(yield* cursors, [2, 0])
  assert.deepStrictEqual(yield* versions("a"), [1])
})

const fencesWithoutMoving: Law<StorePorts> = Effect.gen(function* () {
  const { cursors, effect, effects, inbox, left } = yield* opened
  const still = (cursor: number) => ({ ...commitOf(left, [], cursor), cursorFrom: cursor })
  yield* inbox.commit([still(0)], effect("still"))
  yield* inbox.commitOne(commitOf(left, [], 5))
  assert.strictEqual(yield* tagOf(inbox.commit([still(0)], effect("late"))), "LeaseLost")
  yield* inbox.commitOne(still(5))
  assert.deepStrictEqual(yield* effects, ["still"])
  assert.deepStrictEqual(yield* cursors, [5, 0])
})

const answersPerPlan: Law<StorePorts> = Effect.gen(function* () {
  const { cursors, inbox, left, right, versions } = yield* opened
  assert.deepStrictEqual(yield* inbox.commitGroup([]), [])
  assert.deepStrictEqual(yield* inbox.commitGroup([commitOf(right, ["b"]), commitOf(left, ["a", "x"])]), [true, true])
  const stale = commitOf(left, ["y", "z"])
  const next = commitOf({ ...right, cursor: 1 }, ["c"], 6)
  assert.deepStrictEqual(yield* inbox.commitGroup([stale, next]), [false, true])
  const overtaken = commitOf({ ...left, cursor: 2 }, ["new", "a"])
  assert.deepStrictEqual(yield* inbox.commitGroup([overtaken]), [false])
  assert.deepStrictEqual(yield* versions("a", "b", "c", "x", "y", "z", "new"), [1, 1, 1, 1, 0, 0, 0])
  assert.deepStrictEqual(yield* cursors, [2, 6])
})

const landsOnceOfManyGroups: Law<StorePorts> = Effect.gen(function* () {
  const { cursors, inbox, left, right, versions } = yield* opened
  const group = [commitOf(left, ["a"], 2), commitOf(right, ["b"], 3)]
  const answers = yield* together(6, (i) => inbox.commitGroup(i % 2 === 0 ? group : group.toReversed()))
  assert.lengthOf(
    answers.flat().filter((landed) => landed),
    2
  )
  assert.deepStrictEqual(yield* cursors, [2, 3])
  assert.deepStrictEqual(yield* versions("a", "b"), [1, 1])
})

const staysParked: Law<StorePorts> = Effect.gen(function* () {
  const { inbox, left, stream } = yield* opened
  const parkedAt = (version: number) => [{ version, parked: true }]
  yield* inbox.commitOne(parking(left, "a"))
  assert.deepStrictEqual(yield* inbox.progress(stream, "mail", ["a"]), parkedAt(1))
  const on = (from: number) => ({
    ...commitOf({ ...left, cursor: from }, [], from + 1),
    moves: [{ key: "a", from, to: from + 1, parked: false }]
  })
  yield* inbox.commit([on(1)], Effect.void)
  assert.deepStrictEqual(yield* inbox.progress(stream, "mail", ["a"]), parkedAt(2))
  assert.deepStrictEqual(yield* inbox.commitGroup([on(2)]), [true])
  assert.deepStrictEqual(yield* inbox.progress(stream, "mail", ["a"]), parkedAt(3))
})

const parksBehind: Law<StorePorts> = Effect.gen(function* () {
  const { cursors, inbox, left, stream } = yield* opened
  yield* inbox.commitOne(parking(left, "a"))
  const waiting = [2, 3].map((version) => ({ event: storedOf("a", version, version), reason: undefined }))
  yield* inbox.commitOne({
    ...commitOf({ ...left, cursor: 1 }, [], 3),
    moves: [{ key: "a", from: 1, to: 3, parked: true }],
    parked: waiting
  })
  assert.deepStrictEqual(yield* inbox.progress(stream, "mail", ["a"]), [{ version: 3, parked: true }])
  assert.deepStrictEqual(yield* cursors, [3, 0])
})

/** The plan of an opening before may still be under way when the one of the next comes along. */
const tellsOpeningsApart: Law<StorePorts> = Effect.gen(function* () {
  const { cursors, effect, effects, inbox, left, ownership, versions } = yield* opened
  const next = yield* ownership.open(left)
  const [stale, current] = [commitOf(left, ["late"], 9), commitOf(next, ["a"], 1)]
  for (const both of [
    [stale, current],
    [current, stale]
  ]) {
    assert.strictEqual(yield* tagOf(inbox.commit(both, effect("late"))), "LeaseLost")
  }
  assert.deepStrictEqual(yield* inbox.commitGroup([stale, current]), [false, true])
  assert.deepStrictEqual(yield* effects, [])
  assert.deepStrictEqual(yield* cursors, [1, 0])
  assert.deepStrictEqual(yield* versions("late", "a"), [0, 1])
})

const countsFar: Law<StorePorts> = Effect.gen(function* () {
  const { cursors, inbox, left, right, versions } = yield* opened
  const far = 3_000_000_000
  const move = (key: string, from: number, to: number) => ({ key, from, to, parked: false })
  yield* inbox.commitOne({ ...commitOf(left, [], far), moves: [move("a", 0, far)] })
  const plans = [
    { ...commitOf({ ...left, cursor: far }, [], far + 2), moves: [move("a", far, far + 1), move("b", 0, 1)] },
    commitOf(right, ["c"], 1)
  ]
  assert.deepStrictEqual(yield* inbox.commitGroup(plans), [true, true])
  assert.deepStrictEqual(yield* cursors, [far + 2, 1])
  assert.deepStrictEqual(yield* versions("a", "b", "c"), [far + 1, 1, 1])
})

/** The laws of `Inbox`. */
export const inboxLaws = lawsOf<StorePorts>()({
  "answers with the progress of keys in the order asked; what was never seen is at 0": answersInOrder,
  "effects, progress and cursors of several partitions commit together": commitsTogether,
  "effects that fail, die or are interrupted leave nothing": leavesNothingOfFailedEffects,
  "an epoch that is not the lease's is refused whole": refuses((commit) =>
    claiming(commit, { epoch: commit.claim.epoch - 1 })
  ),
  "an opening that is not the lease's is refused whole": refuses((commit) =>
    claiming(commit, { opening: commit.claim.opening - 1 })
  ),
  "a cursor that is ahead of the lease's is refused whole": refuses((commit) => ({ ...commit, cursorFrom: 5 })),
  "a cursor that is behind the lease's is refused whole": refuses((commit) => ({ ...commit, cursorFrom: 2 })),
  "a key that has moved on is refused whole": fromVersion(0, "a"),
  "a key that is not as far is refused whole": fromVersion(3, "new"),
  "a partition that nobody declared is refused whole": refuses((commit) => claiming(commit, { partition: 7 })),
  "who was an owner before is fenced, its neighbours are not": fencesAnEpochBefore,
  "who had it open before is fenced, also when the cursor does not move": fencesAnOpeningBefore,
  "a commit whose partition is opened anew while its effects run is refused": openedMeanwhile,
  "a commit whose partition is claimed by another while its effects run is refused": claimedMeanwhile,
  "of many commits of the same events one lands, with its effects": committedMeanwhile,
  "a cursor that does not move is a fence all the same": fencesWithoutMoving,
  "a group answers for each of its commits, and leaves nothing of those it refused": answersPerPlan,
  "of many groups with the same events one lands": landsOnceOfManyGroups,
  "what is parked stays parked": staysParked,
  "what waits behind a parked event is parked without a reason of its own": parksBehind,
  "tells the plans of two openings of one partition apart, also when they come together": tellsOpeningsApart,
  "counts beyond 32 bits, beside what has only begun": countsFar
})
