import { Effect } from "effect"
import { RelayStore } from "../../pipeline/RelayStore.ts"
import { type Law, lawsOf } from "./Law.ts"
import { type StorePorts, freshStream, placesIn, placesOf, present, tagOf, together } from "./LawWorld.ts"
import { relayRowLaws } from "./RelayRowLaws.ts"
import { at, handled, leading, refsOf, start } from "./RelayStoreLawWorld.ts"
import { assert } from "./assert.ts"

/** What a renewal says of the partitions of a stream that nobody has declared. */
const undeclared = { topology: undefined, unmeasured: [], wanted: undefined, unsettled: false }

const knowsThePosition: Law<StorePorts> = Effect.gen(function* () {
  const store = yield* RelayStore
  assert.deepStrictEqual(yield* store.position(yield* freshStream), start)
  const { lease, rows, stream } = yield* leading("a")
  assert.deepStrictEqual(yield* store.renew(lease), { ...undeclared, position: start, waiting: true })
  yield* store.acknowledge(lease, start, at(4), refsOf(rows), false)
  assert.deepStrictEqual(yield* store.renew(lease), { ...undeclared, position: at(4), waiting: false })
  yield* store.release(lease)
  assert.deepStrictEqual(yield* store.position(stream), at(4))
})

const hasOneHolder: Law<StorePorts> = Effect.gen(function* () {
  const { expire, lease, store, stream } = yield* leading("a")
  for (const owner of ["ada", "bob"]) assert.isUndefined(yield* store.acquire(stream, owner))
  yield* expire
  assert.deepStrictEqual(yield* store.acquire(stream, "bob"), { stream, epoch: lease.epoch + 1 })
  assert.isUndefined(yield* store.acquire(stream, "ada"))
  const elsewhere = yield* freshStream
  assert.deepStrictEqual(yield* store.acquire(elsewhere, "ada"), { stream: elsewhere, epoch: 1 })
})

const namesItsLeader: Law<StorePorts> = Effect.gen(function* () {
  const { expire, lease, store, stream } = yield* leading("a")
  assert.strictEqual(yield* store.leader(stream), "ada")
  yield* expire
  assert.isUndefined(yield* store.leader(stream))
  const next = yield* present(yield* store.acquire(stream, "bob"))
  yield* store.release(lease)
  assert.strictEqual(yield* store.leader(stream), "bob")
  yield* store.release(next)
  assert.isUndefined(yield* store.leader(stream))
  assert.isUndefined(yield* store.leader(yield* freshStream))
})

const goesToOneOfMany: Law<StorePorts> = Effect.gen(function* () {
  const stream = yield* freshStream
  const store = yield* RelayStore
  const leases = yield* together(12, (i) => store.acquire(stream, `relay ${i}`))
  assert.deepStrictEqual(
    leases.filter((lease) => lease !== undefined),
    [{ stream, epoch: 1 }]
  )
})

const staysWhenLate: Law<StorePorts> = Effect.gen(function* () {
  const { expire, lease, store, stream } = yield* leading("a")
  yield* expire
  // Late, but nobody took it: it is still its holder's, for another term.
  yield* store.renew(lease)
  assert.isUndefined(yield* store.acquire(stream, "bob"))
})

const fencesAnEpochBefore: Law<StorePorts> = Effect.gen(function* () {
  const { expire, lease, rows, store, stream } = yield* leading("a", "b")
  const { cursors } = yield* handled(stream, [9, 3])
  yield* store.acknowledge(lease, start, at(9), [], false)
  yield* expire
  const fresh = yield* present(yield* store.acquire(stream, "bob"))
  for (const stale of [lease, { ...fresh, epoch: fresh.epoch + 1 }]) {
    assert.strictEqual(yield* tagOf(store.renew(stale)), "LeaseLost")
    assert.strictEqual(yield* tagOf(store.acknowledge(stale, at(9), at(11), refsOf(rows), false)), "LeaseLost")
    assert.strictEqual(yield* tagOf(store.rewind(stale, at(9), at(1))), "LeaseLost")
    yield* store.release(stale)
  }
  assert.isUndefined(yield* store.acquire(stream, "ada"))
  assert.strictEqual(yield* placesIn(stream), "a1 b1")
  assert.deepStrictEqual(yield* cursors, [9, 3])
  assert.deepStrictEqual((yield* store.renew(fresh)).position, at(9))
})

const deletesAndMoves: Law<StorePorts> = Effect.gen(function* () {
  const { lease, rows, store, stream } = yield* leading("a", "b", "a", "c")
  assert.strictEqual(yield* store.acknowledge(lease, start, at(2), refsOf(rows.slice(0, 2)), false), 2)
  assert.strictEqual(yield* placesIn(stream), "a2 c1")
  assert.deepStrictEqual(yield* store.position(stream), at(2))
  // What is gone already is no fault: reconciliation names rows again.
  assert.strictEqual(yield* store.acknowledge(lease, at(2), at(4), refsOf(rows.slice(1, 3)), false), 1)
  assert.strictEqual(yield* placesIn(stream), "c1")
})

const deletesByBothIds: Law<StorePorts> = Effect.gen(function* () {
  const { lease, rows, store, stream } = yield* leading("a", "b")
  const other = yield* leading("a", "b")
  const [first, second] = [yield* present(rows[0]), yield* present(rows[1])]
  const wrong = [
    { outboxId: first.id, eventId: second.eventId, seq: 1 },
    { outboxId: second.id, eventId: globalThis.crypto.randomUUID(), seq: 2 },
    { outboxId: second.id + 1_000_000, eventId: second.eventId, seq: 3 },
    ...refsOf(other.rows)
  ]
  assert.strictEqual(yield* store.acknowledge(lease, start, at(6), wrong, false), 0)
  assert.strictEqual(yield* placesIn(stream), "a1 b1")
  assert.strictEqual(yield* placesIn(other.stream), "a1 b1")
  assert.deepStrictEqual(yield* store.position(stream), at(6))
})

const countsFar: Law<StorePorts> = Effect.gen(function* () {
  const { lease, rows, store, stream } = yield* leading("a", "b")
  const far = { outboxId: 3_000_000_000, eventId: globalThis.crypto.randomUUID(), seq: 3_000_000_000 }
  assert.strictEqual(placesOf(yield* store.read(stream, 10, [rows[0]?.id ?? 0, far.outboxId])), "b1")
  assert.strictEqual(yield* store.acknowledge(lease, start, at(3_000_000_000), [...refsOf(rows), far], false), 2)
  assert.deepStrictEqual(yield* store.position(stream), at(3_000_000_000))
})

const movesFromTheKnown: Law<StorePorts> = Effect.gen(function* () {
  const { lease, rows, store, stream } = yield* leading("a", "b")
  yield* store.acknowledge(lease, start, at(5), [], false)
  for (const from of [start, at(4), at(6)]) {
    assert.strictEqual(yield* tagOf(store.acknowledge(lease, from, at(7), refsOf(rows), false)), "LeaseLost")
    assert.strictEqual(yield* tagOf(store.rewind(lease, from, at(0))), "LeaseLost")
  }
  assert.strictEqual(yield* placesIn(stream), "a1 b1")
  assert.deepStrictEqual(yield* store.position(stream), at(5))
})

const movesFromTheKnownStream: Law<StorePorts> = Effect.gen(function* () {
  const { lease, rows, store, stream } = yield* leading("a")
  yield* store.acknowledge(lease, start, at(5, "monday"), [], false)
  const from = at(5, "tuesday")
  assert.strictEqual(yield* tagOf(store.acknowledge(lease, from, at(6, "tuesday"), refsOf(rows), false)), "LeaseLost")
  assert.strictEqual(yield* tagOf(store.rewind(lease, from, at(0, "tuesday"))), "LeaseLost")
  assert.strictEqual(yield* placesIn(stream), "a1")
  assert.deepStrictEqual(yield* store.position(stream), at(5, "monday"))
})

const movesOnceOfMany: Law<StorePorts> = Effect.gen(function* () {
  const { lease, store, stream } = yield* leading("a")
  const tags = yield* together(6, (i) => Effect.exit(store.acknowledge(lease, start, at(i + 1), [], false)))
  assert.lengthOf(
    tags.filter((exit) => exit._tag === "Success"),
    1
  )
  const { lastSeq } = yield* store.position(stream)
  assert.strictEqual(tags[lastSeq - 1]?._tag, "Success")
})

const isGivenBack: Law<StorePorts> = Effect.gen(function* () {
  const { lease, store, stream } = yield* leading("a")
  yield* store.release(lease)
  const next = yield* present(yield* store.acquire(stream, "bob"))
  assert.strictEqual(next.epoch, lease.epoch + 1)
  assert.strictEqual(yield* tagOf(store.renew(lease)), "LeaseLost")
})

/** The laws of `RelayStore`. */
export const relayStoreLaws = lawsOf<StorePorts>()({
  "knows where the stream stands, with or without the lease": knowsThePosition,
  "the lease has one holder; when it has run out the next one has a higher epoch": hasOneHolder,
  "of many that ask at the same time one gets the lease": goesToOneOfMany,
  "the holder is known by name, until the lease is given back or runs out": namesItsLeader,
  "a lease that is late and that nobody took is renewed": staysWhenLate,
  "an epoch before can neither renew nor acknowledge nor rewind nor release, and writes nothing": fencesAnEpochBefore,
  "acknowledge deletes the rows and moves the position": deletesAndMoves,
  "acknowledge deletes only rows of the stream whose both ids match": deletesByBothIds,
  "the position moves only from the sequence the caller knows; otherwise nothing is written": movesFromTheKnown,
  "the position moves only within the stream the caller knows; otherwise nothing is written": movesFromTheKnownStream,
  "counts beyond 32 bits, beside what is small": countsFar,
  "of many moves from one position one lands": movesOnceOfMany,
  "a lease that is given back is free at once": isGivenBack,
  ...relayRowLaws
})
