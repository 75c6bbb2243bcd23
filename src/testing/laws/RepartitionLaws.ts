import { Effect } from "effect"
import { ControlDesk } from "../../pipeline/ControlDesk.ts"
import { Inbox } from "../../pipeline/Inbox.ts"
import { Ownership } from "../../pipeline/Ownership.ts"
import { ParkingLot } from "../../pipeline/ParkingLot.ts"
import { partitionOf, slotOf } from "../../pipeline/Partition.ts"
import { RelayStore } from "../../pipeline/RelayStore.ts"
import { type Law, lawsOf } from "./Law.ts"
import { commitOf, freshStream, present, reasonOf, storedOf, type StorePorts, tagOf } from "./LawWorld.ts"
import { LeaseClock } from "./LeaseClock.ts"
import { assert } from "./assert.ts"

type Ports = StorePorts | ControlDesk | ParkingLot

const before = { first: 0, partitions: 2 }
const after = { first: 2, partitions: 3 }

const by = { actor: "ada", why: "more machines" }

/** A stream of two partitions with its leader; `mail` has both. */
const led = Effect.gen(function* () {
  const stream = yield* freshStream
  const ownership = yield* Ownership
  const store = yield* RelayStore
  yield* ownership.declare(stream, ["mail"], before.partitions)
  yield* ownership.fixDelivery(stream, [{ name: "mail", delivery: "ordered" }])
  const lease = yield* present(yield* store.acquire(stream, "relay"))
  const claims = yield* ownership.claim(
    stream,
    "ada",
    [0, 1].map((partition) => ({ handler: "mail", partition }))
  )
  const open = yield* Effect.forEach(claims, ownership.open)
  const handle = Effect.fnUntraced(function* (partition: number, cursor: number) {
    const claim = yield* present(open.find((one) => one.partition === partition))
    yield* (yield* Inbox).commitOne(commitOf(claim, [], cursor))
  })
  const expire = (yield* LeaseClock).expire(stream)
  return { stream, ownership, store, lease, open, handle, expire }
})

const look = Effect.fnUntraced(function* (stream: string) {
  const ownership = yield* Ownership
  const { free, topology } = yield* ownership.beat(stream, { id: "eve", host: "", version: "", roles: [] }, [], [])
  return { topology, free: free.map(({ handler, partition }) => `${handler}/${partition}`).toSorted() }
})

const hearsWishes: Law<Ports> = Effect.gen(function* () {
  const { lease, store, stream } = yield* led
  const desk = yield* ControlDesk
  assert.deepStrictEqual(yield* desk.repartition(stream, 2, by), { _tag: "unchanged" })
  assert.deepStrictEqual(yield* desk.repartition(stream, 3, by), { _tag: "wanted" })
  assert.deepStrictEqual(yield* desk.repartition(stream, 3, by), { _tag: "unchanged" })
  const renewed = yield* store.renew(lease)
  assert.deepStrictEqual([renewed.topology, renewed.wanted, renewed.unsettled], [before, 3, false])
  // The last wish counts, also when it is to leave all as it is.
  assert.deepStrictEqual(yield* desk.repartition(stream, 2, by), { _tag: "wanted" })
  assert.isUndefined((yield* store.renew(lease)).wanted)
  const [last] = yield* desk.operations(stream, 1)
  assert.deepStrictEqual(
    [last?.act, last?.actor, last?.why, last?.detail],
    ["repartition", "ada", by.why, "2 partitions"]
  )
  assert.deepStrictEqual(yield* desk.repartition(yield* freshStream, 2, by), { _tag: "undeclared" })
})

const adopts: Law<Ports> = Effect.gen(function* () {
  const { lease, store, stream } = yield* led
  yield* (yield* ControlDesk).repartition(stream, 3, by)
  yield* store.adopt(lease, [{ ...before, ends: [5, 0] }], after)
  const renewed = yield* store.renew(lease)
  assert.deepStrictEqual([renewed.topology, renewed.wanted, renewed.unsettled], [after, undefined, true])
  assert.deepStrictEqual((yield* look(stream)).topology, after)
  // Whoever does the same once more changes nothing.
  yield* store.adopt(lease, [{ ...before, ends: [5, 0] }], after)
  assert.deepStrictEqual((yield* store.renew(lease)).topology, after)
})

const fences: Law<Ports> = Effect.gen(function* () {
  const { expire, lease, store, stream } = yield* led
  yield* expire
  yield* present(yield* store.acquire(stream, "another"))
  assert.strictEqual(yield* tagOf(store.adopt(lease, [{ ...before, ends: [0, 0] }], after)), "LeaseLost")
  assert.deepStrictEqual((yield* look(stream)).topology, before)
})

const waitsForTheEnds: Law<Ports> = Effect.gen(function* () {
  const { handle, lease, open, ownership, store, stream } = yield* led
  yield* store.adopt(lease, [{ ...before, ends: [5, 7] }], after)
  yield* handle(0, 5)
  assert.deepStrictEqual(yield* store.settle(lease, 1), { ended: [], moved: [] })
  yield* handle(1, 7)
  assert.deepStrictEqual(yield* store.settle(lease, 1), { ended: ["mail"], moved: [] })
  const asked = yield* ownership.beat(stream, { id: "ada", host: "", version: "", roles: [] }, ["mail"], open)
  assert.deepStrictEqual(
    asked.renewed.map(({ ended }) => ended),
    [true, true]
  )
  // One of the two has it still.
  yield* ownership.release(open.slice(0, 1))
  assert.deepStrictEqual((yield* look(stream)).free, [])
  assert.deepStrictEqual(yield* ownership.claim(stream, "bob", [{ handler: "mail", partition: 0 }]), [])
  assert.deepStrictEqual(yield* store.settle(lease, 1), { ended: [], moved: [] })
  yield* ownership.release(open)
  assert.deepStrictEqual(yield* store.settle(lease, 1), { ended: [], moved: [{ handler: "mail", to: after }] })
  assert.deepStrictEqual((yield* look(stream)).free, ["mail/2", "mail/3", "mail/4"])
  assert.isFalse((yield* store.renew(lease)).unsettled)
  const [claim] = yield* ownership.claim(stream, "bob", [{ handler: "mail", partition: 2 }])
  assert.deepStrictEqual([claim?.cursor, claim?.epoch, claim?.abandoned], [7, 1, undefined])
  for (const one of open) assert.strictEqual(yield* tagOf(ownership.open(one)), "LeaseLost")
})

const goesOnBehindAPurge: Law<Ports> = Effect.gen(function* () {
  const { expire, lease, store } = yield* led
  yield* store.adopt(lease, [{ ...before, ends: [5, 7] }], after)
  yield* expire
  assert.deepStrictEqual((yield* store.settle(lease, 7)).moved, [])
  // What is no longer in the stream cannot be waited for.
  const { ended, moved } = yield* store.settle(lease, 8)
  assert.deepStrictEqual([ended, moved], [["mail"], [{ handler: "mail", to: after }]])
})

const takesAsideAlong: Law<Ports> = Effect.gen(function* () {
  const { lease, open, ownership, store, stream } = yield* led
  const keys = ["a", "b", "c", "d", "e", "f", "g"]
  const inbox = yield* Inbox
  for (const claim of open) {
    const own = keys.filter((key) => partitionOf(slotOf(key), before) === claim.partition)
    const parked = own.map((key, i) => ({
      event: storedOf(key, 1, 10 * claim.partition + i + 1),
      reason: reasonOf("Boom", 1, 0)
    }))
    const moves = own.map((key) => ({ key, from: 0, to: 1, parked: true }))
    yield* inbox.commitOne({ ...commitOf(claim, [], 10 * claim.partition + own.length), moves, parked })
  }
  yield* store.adopt(lease, [{ ...before, ends: [0, 0] }], after)
  yield* store.settle(lease, 1)
  yield* ownership.release(open)
  yield* store.settle(lease, 1)
  const claims = yield* ownership.claim(
    stream,
    "bob",
    [2, 3, 4].map((partition) => ({ handler: "mail", partition }))
  )
  const due = yield* (yield* ParkingLot).due(stream, claims, 10)
  assert.deepStrictEqual(
    due.map(({ key, partition }) => `${key} in ${partition}`).toSorted(),
    keys.map((key) => `${key} in ${partitionOf(slotOf(key), after)}`)
  )
})

const newHandlersBeginWithTheOldest: Law<Ports> = Effect.gen(function* () {
  const { lease, ownership, store, stream } = yield* led
  yield* store.adopt(lease, [{ ...before, ends: [5, 7] }], after)
  const { handlers, topology } = yield* ownership.declare(stream, ["mail", "push"], 9)
  assert.deepStrictEqual(topology, after)
  assert.deepStrictEqual([handlers.get("mail"), handlers.get("push")], [before, before])
  assert.deepStrictEqual((yield* look(stream)).free, ["push/0", "push/1"])
})

const goesThroughAll: Law<Ports> = Effect.gen(function* () {
  const { handle, lease, open, ownership, store, stream } = yield* led
  const last = { first: 5, partitions: 1 }
  yield* store.adopt(lease, [{ ...before, ends: [5, 0] }], after)
  yield* store.adopt(lease, [{ ...after, ends: [0, 9, 0] }], last)
  yield* handle(0, 5)
  yield* store.settle(lease, 1)
  yield* ownership.release(open)
  assert.deepStrictEqual((yield* store.settle(lease, 1)).moved, [{ handler: "mail", to: after }])
  assert.isTrue((yield* store.renew(lease)).unsettled)
  const claims = yield* ownership.claim(stream, "bob", [{ handler: "mail", partition: 3 }])
  const [third] = yield* Effect.forEach(claims, ownership.open)
  yield* (yield* Inbox).commitOne(commitOf(yield* present(third), [], 9))
  // Of the other two, nothing is in the stream.
  yield* store.settle(lease, 9)
  yield* ownership.release(claims)
  assert.deepStrictEqual((yield* store.settle(lease, 9)).moved, [{ handler: "mail", to: last }])
  assert.deepStrictEqual((yield* look(stream)).free, ["mail/5"])
})

const forgetsEndsThatAreGone: Law<Ports> = Effect.gen(function* () {
  const { expire, lease, store } = yield* led
  const at = (lastSeq: number) => ({ lastSeq, streamCreated: "monday" })
  yield* store.acknowledge(lease, { lastSeq: 0, streamCreated: "" }, at(9), [], false)
  yield* store.adopt(lease, [{ ...before, ends: [5, 7] }], after)
  yield* store.rewind(lease, at(9), at(7))
  assert.deepStrictEqual((yield* store.renew(lease)).unmeasured, [])
  yield* store.rewind(lease, at(7), at(6))
  assert.deepStrictEqual((yield* store.renew(lease)).unmeasured, [before])
  yield* expire
  assert.deepStrictEqual(yield* store.settle(lease, 1), { ended: [], moved: [] })
  yield* store.adopt(lease, [{ ...before, ends: [0, 0] }], after)
  assert.deepStrictEqual((yield* store.settle(lease, 1)).moved, [{ handler: "mail", to: after }])
})

/** The laws of other partitions, for the ports of the store together. */
export const repartitionLaws = lawsOf<Ports>()({
  "a wish for other partitions is heard with the next renewal, and the last one counts": hearsWishes,
  "other partitions are published to from their adoption on, by whoever does it once more too": adopts,
  "a leader that has lost its lease adopts nothing": fences,
  "a handler gets the partitions of after when those of before are read to their ends and given back": waitsForTheEnds,
  "what the stream no longer has is not waited for": goesOnBehindAPurge,
  "what was put aside goes along": takesAsideAlong,
  "a new handler begins with the oldest partitions": newHandlersBeginWithTheOldest,
  "a handler goes through all topologies there were": goesThroughAll,
  "ends above where the stream was turned back to are looked up again": forgetsEndsThatAreGone
})
