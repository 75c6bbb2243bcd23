import { assert } from "@effect/vitest"
import { Deferred, Duration, Effect } from "effect"
import type { OutboxRow } from "../../src/pipeline/Envelope.ts"
import { Inbox } from "../../src/pipeline/Inbox.ts"
import { Outbox } from "../../src/pipeline/Outbox.ts"
import { Ownership } from "../../src/pipeline/Ownership.ts"
import { RelayStore } from "../../src/pipeline/RelayStore.ts"
import { Transactor } from "../../src/pipeline/Transactor.ts"
import { commitOf, entryOf, freshStream } from "../infra/postgres/PgWorld.ts"
import {
  append,
  type Law,
  LeaseClock,
  placesIn,
  placesOf,
  present,
  rowsIn,
  type StorePorts,
  suiteOf,
  tagOf,
  together
} from "./LawSuite.ts"

const start = { lastSeq: 0, streamCreated: "" }

const at = (lastSeq: number, streamCreated = "monday") => ({ lastSeq, streamCreated })

const refsOf = (rows: ReadonlyArray<OutboxRow>) =>
  rows.map(({ eventId, id }, i) => ({ outboxId: id, eventId, seq: i + 1 }))

/** A leader of a fresh stream with these rows in the outbox. */
const leading = Effect.fnUntraced(function* (...keys: ReadonlyArray<string>) {
  const stream = yield* freshStream
  const store = yield* RelayStore
  yield* append(stream, keys)
  const lease = yield* present(yield* store.acquire(stream, "ada"))
  return { stream, store, lease, rows: yield* rowsIn(stream), expire: (yield* LeaseClock).expire(stream) }
})

/** A partition of each of two handlers, handled so far. */
const handled = Effect.fnUntraced(function* (stream: string, upTo: readonly [number, number]) {
  const ownership = yield* Ownership
  const inbox = yield* Inbox
  const handlers = ["mail", "points"]
  yield* ownership.declare(stream, handlers, 1)
  const claims = yield* Effect.forEach(handlers, (handler) =>
    ownership.claim(stream, "ada", [{ handler, partition: 0 }])
  )
  const open = yield* Effect.forEach(claims.flat(), ownership.open)
  yield* Effect.forEach(open, (claim, i) => inbox.commitOne(commitOf(claim, [], upTo[i] ?? 0)))
  const cursors = Effect.map(
    Effect.forEach(open, (claim) => ownership.renew([claim])),
    (renewed) => renewed.flat().map((claim) => claim.cursor)
  )
  return { cursors }
})

const knowsThePosition: Law<StorePorts> = Effect.gen(function* () {
  const store = yield* RelayStore
  assert.deepStrictEqual(yield* store.position(yield* freshStream), start)
  const { lease, rows, stream } = yield* leading("a")
  assert.deepStrictEqual(yield* store.renew(lease), { position: start, waiting: true })
  yield* store.acknowledge(lease, start, at(4), refsOf(rows), false)
  assert.deepStrictEqual(yield* store.renew(lease), { position: at(4), waiting: false })
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

const readsInOrder: Law<StorePorts> = Effect.gen(function* () {
  const { rows, store, stream } = yield* leading("c", "a", "b", "a", "c")
  const ids = rows.map((row) => row.id)
  assert.deepStrictEqual(
    ids,
    ids.toSorted((a, b) => a - b)
  )
  assert.deepStrictEqual(yield* store.read(stream, 2, []), rows.slice(0, 2))
  assert.deepStrictEqual(yield* store.read(stream, 0, []), [])
  const underWay = [0, 2].flatMap((i) => ids[i] ?? [])
  // What is committed late lies between them, and comes as it is.
  const others = [1, 3, 4].flatMap((i) => rows[i] ?? [])
  assert.strictEqual(placesOf(others), "a1 a2 c2")
  assert.deepStrictEqual(yield* store.read(stream, 10, underWay), others)
  // Those under way do not count towards the limit: a window that is full of them would see nothing else.
  assert.strictEqual(placesOf(yield* store.read(stream, 2, underWay)), "a1 a2")
  assert.deepStrictEqual(yield* store.read(yield* freshStream, 10, []), [])
})

const readsTheCommitted: Law<StorePorts> = Effect.gen(function* () {
  const { store, stream } = yield* leading("a")
  const { run } = yield* Transactor
  const outbox = yield* Outbox
  const appended = yield* Deferred.make<void>()
  const open = Effect.andThen(outbox.append(stream, [entryOf("b")], {}), Deferred.succeed(appended, undefined))
  yield* Effect.forkScoped(run(Effect.andThen(open, Effect.never)))
  yield* Deferred.await(appended)
  assert.strictEqual(placesOf(yield* store.read(stream, 10, [])), "a1")
})

const holdsAKey: Law<StorePorts> = Effect.gen(function* () {
  const { rows, store, stream } = yield* leading("a", "b", "a", "a", "b")
  const other = yield* leading("a")
  yield* store.hold(stream, yield* present(rows[2]), "too large")
  assert.strictEqual(yield* placesIn(stream), "a1 b1 b2")
  assert.strictEqual(placesOf(yield* store.read(stream, 2, [])), "a1 b1")
  yield* append(stream, ["a", "b"])
  assert.strictEqual(yield* placesIn(stream), "a1 b1 b2 b3")
  assert.strictEqual(yield* placesIn(other.stream), "a1")
})

const holdsFromTheFirst: Law<StorePorts> = Effect.gen(function* () {
  const { lease, rows, store, stream } = yield* leading("a", "a", "a", "b")
  for (const i of [2, 1, 2]) yield* store.hold(stream, yield* present(rows[i]), "too large")
  assert.strictEqual(yield* placesIn(stream), "a1 b1")
  // What is held can still turn out to be in the stream, and goes then.
  assert.strictEqual(yield* store.acknowledge(lease, start, at(4), refsOf(rows), false), 4)
})

const rewinds: Law<StorePorts> = Effect.gen(function* () {
  const { lease, store, stream } = yield* leading("a")
  const other = yield* leading("a")
  const { cursors } = yield* handled(stream, [9, 3])
  const { cursors: others } = yield* handled(other.stream, [9, 3])
  yield* store.acknowledge(lease, start, at(9), [], false)
  yield* store.rewind(lease, at(9), at(5, "tuesday"))
  assert.deepStrictEqual(yield* cursors, [5, 3])
  assert.deepStrictEqual(yield* store.position(stream), at(5, "tuesday"))
  yield* store.rewind(lease, at(5, "tuesday"), at(0, "friday"))
  assert.deepStrictEqual(yield* cursors, [0, 0])
  assert.deepStrictEqual(yield* others, [9, 3])
  assert.deepStrictEqual(yield* store.position(other.stream), start)
  assert.strictEqual(yield* placesIn(stream), "a1")
})

const keepsWhatWasPublished: Law<StorePorts> = Effect.gen(function* () {
  const { lease, rows, store, stream } = yield* leading("a", "b", "a", "b", "a")
  yield* store.acknowledge(lease, start, at(2), refsOf(rows.slice(0, 2)), false)
  const later = rows.slice(2).map(({ eventId, id }, i) => ({ outboxId: id, eventId, seq: i + 3 }))
  yield* store.acknowledge(lease, at(2), at(5), later, true)
  assert.strictEqual(yield* placesIn(stream), "")
  yield* append(stream, ["b"])
  assert.strictEqual(yield* store.rewind(lease, at(5), at(3)), 2)
  assert.strictEqual(yield* placesIn(stream), "b2 a3 b3")
  const back = yield* rowsIn(stream)
  assert.deepInclude(back[0], { ...rows[3] })
  // What was not kept cannot come back, and what came back comes once.
  assert.strictEqual(yield* store.rewind(lease, at(3), at(0)), 1)
  assert.strictEqual(yield* store.rewind(lease, at(0), at(0)), 0)
  assert.strictEqual(yield* placesIn(stream), "a2 b2 a3 b3")
})

const forgetsWhatIsOld: Law<StorePorts> = Effect.gen(function* () {
  const { lease, rows, store, stream } = yield* leading("a", "b")
  const other = yield* leading("a")
  yield* store.acknowledge(other.lease, start, at(1), refsOf(other.rows), true)
  yield* store.acknowledge(lease, start, at(2), refsOf(rows), true)
  assert.strictEqual(yield* store.forget(lease, Duration.hours(1)), 0)
  assert.strictEqual(yield* store.forget({ ...lease, epoch: lease.epoch + 1 }, Duration.zero), 0)
  assert.strictEqual(yield* store.forget(lease, Duration.zero), 2)
  assert.strictEqual(yield* store.rewind(lease, at(2), at(0)), 0)
  assert.strictEqual(yield* placesIn(stream), "")
  assert.strictEqual(yield* store.rewind(other.lease, at(1), at(0)), 1)
})

const keepsWhatIsAbove: Law<StorePorts> = Effect.gen(function* () {
  const { lease, rows, store, stream } = yield* leading("a", "b", "c")
  const second = yield* present(rows[1])
  yield* store.acknowledge(lease, start, at(3), refsOf(rows), true)
  yield* store.rewind(lease, at(3), at(1))
  yield* store.acknowledge(lease, at(1), at(2), [{ outboxId: second.id, eventId: second.eventId, seq: 3 }], true)
  // The stream ends below it, so it may be wanted again.
  assert.strictEqual(yield* store.forget(lease, Duration.zero), 1)
  assert.strictEqual(yield* store.rewind(lease, at(2), at(0)), 1)
  assert.strictEqual(yield* placesIn(stream), "b1 c1")
})

const knowsTheFurthest: Law<StorePorts> = Effect.gen(function* () {
  const { store, stream } = yield* leading("a")
  assert.strictEqual(yield* store.furthestCursor(stream), 0)
  yield* handled(stream, [9, 3])
  assert.strictEqual(yield* store.furthestCursor(stream), 9)
})

const voidsWhatIsInHand: Law<StorePorts> = Effect.gen(function* () {
  const { lease, store, stream } = yield* leading("a")
  const ownership = yield* Ownership
  const inbox = yield* Inbox
  yield* ownership.declare(stream, ["mail"], 1)
  const [claim] = yield* ownership.claim(stream, "ada", [{ handler: "mail", partition: 0 }])
  const open = yield* ownership.open(yield* present(claim))
  yield* store.acknowledge(lease, start, at(9), [], false)
  yield* store.rewind(lease, at(9), at(4))
  // Its cursor was not above, but what it has in hand may be.
  assert.strictEqual(yield* tagOf(inbox.commitOne(commitOf(open, ["a"], 6))), "LeaseLost")
  yield* inbox.commitOne(commitOf(yield* ownership.open(open), ["a"], 4))
})

const isGivenBack: Law<StorePorts> = Effect.gen(function* () {
  const { lease, store, stream } = yield* leading("a")
  yield* store.release(lease)
  const next = yield* present(yield* store.acquire(stream, "bob"))
  assert.strictEqual(next.epoch, lease.epoch + 1)
  assert.strictEqual(yield* tagOf(store.renew(lease)), "LeaseLost")
})

/** The laws of `RelayStore`. */
export const relayStoreLaws = suiteOf<StorePorts>()({
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
  "reads the lowest rows, ascending, up to the limit, without those under way": readsInOrder,
  "reads what is committed": readsTheCommitted,
  "holds a key from a row on; its earlier rows and other keys go": holdsAKey,
  "a key that is held more than once is held from its earliest row on": holdsFromTheFirst,
  "rewind lowers the cursors of all handlers and the position, and raises nothing": rewinds,
  "rewind makes void what was opened before": voidsWhatIsInHand,
  "rewind puts back what was kept above its place, once, as it was": keepsWhatWasPublished,
  "what is above the position is not forgotten": keepsWhatIsAbove,
  "knows the furthest cursor of all handlers": knowsTheFurthest,
  "what was kept long enough is forgotten, in its own stream only": forgetsWhatIsOld,
  "a lease that is given back is free at once": isGivenBack
})
