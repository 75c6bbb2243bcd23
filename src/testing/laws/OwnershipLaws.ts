import { Effect } from "effect"
import { Inbox } from "../../pipeline/Inbox.ts"
import { type Instance, Ownership } from "../../pipeline/Ownership.ts"
import { type Law, lawsOf } from "./Law.ts"
import { type StorePorts, byPartition, claimed, commitOf, freshStream, present, tagOf, together } from "./LawWorld.ts"
import { LeaseClock } from "./LeaseClock.ts"
import { assert } from "./assert.ts"

const ada: Instance = { id: "ada", host: "here", version: "1", roles: ["worker"] }
const bob: Instance = { id: "bob", host: "there", version: "1", roles: [] }

/** A fresh stream whose handler `mail` has so many partitions. */
const declared = Effect.fnUntraced(function* (partitions: number) {
  const stream = yield* freshStream
  const ownership = yield* Ownership
  const { topology } = yield* ownership.declare(stream, ["mail"], partitions)
  assert.deepStrictEqual(topology, { first: 0, partitions })
  return { stream, ownership, expire: (yield* LeaseClock).expire(stream) }
})

const partitionsOf = (places: ReadonlyArray<{ readonly partition: number }>) =>
  places.map((place) => place.partition).toSorted((a, b) => a - b)

const epochsOf = (claims: ReadonlyArray<{ readonly epoch: number }>) => claims.map((claim) => claim.epoch)

/** What is free, as somebody who takes no part in it sees it. */
const freeIn = Effect.fnUntraced(function* (stream: string) {
  const ownership = yield* Ownership
  const { free } = yield* ownership.beat(stream, bob, [], [])
  return free.map(({ handler, partition }) => `${handler}/${partition}`).toSorted()
})

const declaresOnce: Law<StorePorts> = Effect.gen(function* () {
  const { ownership, stream } = yield* declared(2)
  const kept = yield* claimed(stream, "ada", 1)
  yield* together(4, () => ownership.declare(stream, ["mail", "points"], 2))
  assert.deepStrictEqual(yield* freeIn(stream), ["mail/1", "points/0", "points/1"])
  assert.deepStrictEqual(yield* ownership.renew(kept), kept)
})

const declaresOneNumber: Law<StorePorts> = Effect.gen(function* () {
  const { ownership, stream } = yield* declared(2)
  for (const other of [1, 3]) {
    const { handlers, topology } = yield* ownership.declare(stream, ["mail", "points"], other)
    assert.deepStrictEqual(topology, { first: 0, partitions: 2 })
    assert.deepStrictEqual([...handlers.keys()].toSorted(), ["mail", "points"])
  }
  assert.deepStrictEqual(yield* freeIn(stream), ["mail/0", "mail/1", "points/0", "points/1"])
  assert.lengthOf(yield* claimed(stream, "ada", 3), 2)
})

const fixesTheNumber: Law<StorePorts> = Effect.gen(function* () {
  const stream = yield* freshStream
  const ownership = yield* Ownership
  // A process without handlers publishes all the same, and to so many partitions.
  const declared = yield* together(6, (i) => ownership.declare(stream, [], 1 + (i % 3)))
  const numbers = declared.map(({ topology }) => topology.partitions)
  const [number] = numbers
  assert.deepStrictEqual(new Set(numbers), new Set([number]))
  assert.deepStrictEqual(yield* freeIn(stream), [])
  const other = 1 + ((number ?? 0) % 3)
  assert.strictEqual((yield* ownership.declare(stream, ["mail"], other)).topology.partitions, number)
  assert.lengthOf(yield* freeIn(stream), number ?? 0)
})

const claimsTheFree: Law<StorePorts> = Effect.gen(function* () {
  const { ownership, stream } = yield* declared(3)
  const claims = yield* claimed(stream, "ada", 2)
  assert.deepStrictEqual(
    claims.map(({ opening: _, ...claim }) => claim),
    [0, 1].map((partition) => ({ stream, handler: "mail", partition, epoch: 1, cursor: 0 }))
  )
  assert.deepStrictEqual(partitionsOf(yield* claimed(stream, "bob", 5)), [2])
  assert.deepStrictEqual(yield* claimed(stream, "ada", 3), [])
  assert.deepStrictEqual(yield* ownership.claim(stream, "bob", [{ handler: "unknown", partition: 0 }]), [])
  assert.deepStrictEqual(yield* ownership.claim(stream, "bob", []), [])
})

const raisesTheEpoch: Law<StorePorts> = Effect.gen(function* () {
  const { expire, ownership, stream } = yield* declared(1)
  for (const epoch of [1, 2, 3]) {
    const claims = yield* claimed(stream, "ada", 1)
    assert.deepStrictEqual(epochsOf(claims), [epoch])
    assert.deepStrictEqual(yield* claimed(stream, "bob", 1), [])
    yield* expire
  }
  yield* ownership.release(yield* claimed(stream, "ada", 1))
  assert.deepStrictEqual(epochsOf(yield* claimed(stream, "ada", 1)), [5])
})

const givesEachToOne: Law<StorePorts> = Effect.gen(function* () {
  const { stream } = yield* declared(24)
  const claims = (yield* together(8, (i) => claimed(stream, `owner ${i}`, 24))).flat()
  assert.lengthOf(claims, new Set(partitionsOf(claims)).size)
  assert.deepStrictEqual(new Set(epochsOf(claims)), new Set([1]))
})

const fencesAnEpochBefore: Law<StorePorts> = Effect.gen(function* () {
  const { expire, ownership, stream } = yield* declared(2)
  const old = yield* claimed(stream, "ada", 2)
  yield* expire
  const fresh = yield* claimed(stream, "bob", 1)
  const [stale, kept] = [yield* present(old[0]), yield* present(old[1])]
  assert.strictEqual(yield* tagOf(ownership.open(stale)), "LeaseLost")
  assert.deepStrictEqual(partitionsOf(yield* ownership.renew(old)), [1])
  assert.deepStrictEqual(partitionsOf((yield* ownership.beat(stream, ada, ["mail"], old)).renewed), [1])
  yield* ownership.release([stale])
  assert.deepStrictEqual(yield* freeIn(stream), [])
  assert.deepStrictEqual(epochsOf(yield* ownership.renew(fresh)), epochsOf(fresh))
  const ahead = { ...kept, epoch: kept.epoch + 1 }
  assert.strictEqual(yield* tagOf(ownership.open(ahead)), "LeaseLost")
  assert.deepStrictEqual(yield* ownership.renew([ahead]), [])
})

const countsOpenings: Law<StorePorts> = Effect.gen(function* () {
  const { expire, ownership, stream } = yield* declared(2)
  const [claim, other] = yield* claimed(stream, "ada", 2)
  const first = yield* ownership.open(yield* present(claim))
  const second = yield* ownership.open(yield* present(claim))
  assert.strictEqual(second.opening, first.opening + 1)
  assert.deepStrictEqual({ ...first, opening: 0 }, { ...claim, opening: 0 })
  yield* expire
  const [next] = yield* claimed(stream, "bob", 1)
  assert.strictEqual((yield* ownership.open(yield* present(next))).opening, second.opening + 1)
  assert.strictEqual((yield* ownership.open(yield* present(other))).opening, first.opening)
})

const readsTheCursor: Law<StorePorts> = Effect.gen(function* () {
  const { expire, ownership, stream } = yield* declared(1)
  const inbox = yield* Inbox
  const [claim] = yield* claimed(stream, "ada", 1)
  const opened = yield* ownership.open(yield* present(claim))
  yield* inbox.commitOne(commitOf(opened, ["a"], 7))
  assert.deepStrictEqual(yield* ownership.renew([opened]), [{ ...opened, cursor: 7 }])
  const beat = yield* ownership.beat(stream, ada, ["mail"], [opened])
  assert.deepStrictEqual(beat.renewed, [{ ...opened, cursor: 7 }])
  assert.strictEqual((yield* ownership.open(opened)).cursor, 7)
  yield* expire
  assert.strictEqual((yield* claimed(stream, "bob", 1))[0]?.cursor, 7)
})

const renewsTheLate: Law<StorePorts> = Effect.gen(function* () {
  const { expire, ownership, stream } = yield* declared(2)
  const claims = yield* claimed(stream, "ada", 2)
  yield* expire
  // Late, but nobody took them: they are still theirs, and no longer free.
  assert.deepStrictEqual(byPartition(yield* ownership.renew(claims)), claims)
  assert.deepStrictEqual(yield* claimed(stream, "bob", 2), [])
  yield* expire
  const beat = yield* ownership.beat(stream, ada, ["mail"], claims)
  assert.deepStrictEqual(byPartition(beat.renewed), claims)
  assert.deepStrictEqual(beat.free, [])
  assert.deepStrictEqual(yield* claimed(stream, "bob", 2), [])
  assert.deepStrictEqual(yield* ownership.renew([]), [])
})

const listsMembers: Law<StorePorts> = Effect.gen(function* () {
  const { expire, ownership, stream } = yield* declared(1)
  const both = [
    { id: "ada", handlers: ["mail", "points"] },
    { id: "bob", handlers: [] }
  ]
  assert.deepStrictEqual((yield* ownership.beat(stream, bob, [], [])).live, both.slice(1))
  assert.deepStrictEqual((yield* ownership.beat(stream, ada, ["mail", "points"], [])).live, both)
  assert.deepStrictEqual((yield* ownership.beat(stream, bob, [], [])).live, both)
  yield* expire
  assert.deepStrictEqual((yield* ownership.beat(stream, bob, [], [])).live, both.slice(1))
})

const listsHandlersOfTheLastBeat: Law<StorePorts> = Effect.gen(function* () {
  const { ownership, stream } = yield* declared(1)
  yield* ownership.beat(stream, ada, ["mail"], [])
  yield* ownership.beat(stream, ada, ["mail", "points"], [])
  const { live } = yield* ownership.beat(stream, bob, [], [])
  assert.deepStrictEqual(
    live.map((member) => member.handlers),
    [["mail", "points"], []]
  )
})

const listsTheFree: Law<StorePorts> = Effect.gen(function* () {
  const { expire, stream } = yield* declared(3)
  assert.deepStrictEqual(yield* freeIn(stream), ["mail/0", "mail/1", "mail/2"])
  yield* claimed(stream, "ada", 2)
  assert.deepStrictEqual(yield* freeIn(stream), ["mail/2"])
  yield* expire
  assert.deepStrictEqual(yield* freeIn(stream), ["mail/0", "mail/1", "mail/2"])
})

const freesAtOnce: Law<StorePorts> = Effect.gen(function* () {
  const { ownership, stream } = yield* declared(2)
  const claims = yield* claimed(stream, "ada", 2)
  yield* ownership.release(claims.slice(0, 1))
  yield* ownership.release([])
  assert.deepStrictEqual(yield* freeIn(stream), ["mail/0"])
  const taken = yield* claimed(stream, "bob", 2)
  assert.deepStrictEqual([partitionsOf(taken), epochsOf(taken)], [[0], [2]])
})

const keepsWhatWasGivenBackFree: Law<StorePorts> = Effect.gen(function* () {
  const { ownership, stream } = yield* declared(2)
  const claims = yield* claimed(stream, "ada", 2)
  yield* ownership.release(claims.slice(0, 1))
  // As of a beat that was under way while its own process gave the partition back.
  assert.deepStrictEqual(yield* ownership.renew(claims), claims.slice(1))
  const beat = yield* ownership.beat(stream, ada, ["mail"], claims)
  assert.deepStrictEqual(beat.renewed, claims.slice(1))
  assert.deepStrictEqual(partitionsOf(beat.free), [0])
  assert.deepStrictEqual(partitionsOf(yield* claimed(stream, "bob", 2)), [0])
})

const forgetsWhoLeft: Law<StorePorts> = Effect.gen(function* () {
  const { ownership, stream } = yield* declared(1)
  const other = yield* freshStream
  yield* ownership.beat(stream, ada, ["mail"], [])
  yield* ownership.beat(other, ada, ["mail"], [])
  const claims = yield* claimed(stream, "ada", 1)
  yield* ownership.leave(stream, ada)
  const idsIn = (at: string) => Effect.map(ownership.beat(at, bob, [], []), ({ live }) => live.map(({ id }) => id))
  assert.deepStrictEqual(yield* idsIn(stream), ["bob"])
  assert.deepStrictEqual(yield* idsIn(other), ["ada", "bob"])
  assert.deepStrictEqual(yield* ownership.renew(claims), claims)
})

const keepsStreamsApart: Law<StorePorts> = Effect.gen(function* () {
  const { ownership, stream } = yield* declared(2)
  const { stream: other } = yield* declared(2)
  const [left, right] = [yield* claimed(stream, "ada", 2), yield* claimed(other, "ada", 2)]
  const [first, last] = [yield* present(left[0]), yield* present(right[1])]
  assert.deepStrictEqual(byPartition(yield* ownership.renew([first, last])), [first, last])
  yield* ownership.release([first, last])
  assert.deepStrictEqual(yield* freeIn(stream), ["mail/0"])
  assert.deepStrictEqual(yield* freeIn(other), ["mail/1"])
})

/** The laws of `Ownership`. */
export const ownershipLaws = lawsOf<StorePorts>()({
  "declares one lease per handler and partition, and leaves those that are there alone": declaresOnce,
  "a declaration of another number of partitions changes nothing: handlers get those there are": declaresOneNumber,
  "the first declaration fixes the number of partitions, also without handlers": fixesTheNumber,
  "claims what is wanted and free, and nothing else": claimsTheFree,
  "a claim raises the epoch, and waits until the lease before has run out": raisesTheEpoch,
  "of many that claim at the same time one gets each partition": givesEachToOne,
  "an epoch before can neither open nor renew nor release": fencesAnEpochBefore,
  "counts openings of a partition, over all epochs": countsOpenings,
  "knows the cursor wherever it gives a claim back": readsTheCursor,
  "a claim that is late and that nobody took is renewed": renewsTheLate,
  "a beat lists the live members, by id, with their handlers": listsMembers,
  "a beat lists the handlers of a member's last beat": listsHandlersOfTheLastBeat,
  "a beat lists what nobody holds": listsTheFree,
  "a release frees at once": freesAtOnce,
  "what was given back is renewed no more, and stays free": keepsWhatWasGivenBackFree,
  "who leaves a stream is not listed there, and nothing else changes": forgetsWhoLeft,
  "renews and releases claims of several streams": keepsStreamsApart
})
