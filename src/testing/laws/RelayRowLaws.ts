import { Deferred, Duration, Effect } from "effect"
import { Inbox } from "../../pipeline/Inbox.ts"
import { Outbox } from "../../pipeline/Outbox.ts"
import { Ownership } from "../../pipeline/Ownership.ts"
import { Transactor } from "../../pipeline/Transactor.ts"
import { type Law, lawsOf } from "./Law.ts"
import {
  type StorePorts,
  append,
  commitOf,
  entryOf,
  freshStream,
  placesIn,
  placesOf,
  present,
  rowsIn,
  tagOf
} from "./LawWorld.ts"
import { at, handled, leading, refsOf, start } from "./RelayStoreLawWorld.ts"
import { assert } from "./assert.ts"

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

/** The laws of the rows that a `RelayStore` reads, holds back and keeps. */
export const relayRowLaws = lawsOf<StorePorts>()({
  "reads the lowest rows, ascending, up to the limit, without those under way": readsInOrder,
  "reads what is committed": readsTheCommitted,
  "holds a key from a row on; its earlier rows and other keys go": holdsAKey,
  "a key that is held more than once is held from its earliest row on": holdsFromTheFirst,
  "rewind lowers the cursors of all handlers and the position, and raises nothing": rewinds,
  "rewind makes void what was opened before": voidsWhatIsInHand,
  "rewind puts back what was kept above its place, once, as it was": keepsWhatWasPublished,
  "what is above the position is not forgotten": keepsWhatIsAbove,
  "knows the furthest cursor of all handlers": knowsTheFurthest,
  "what was kept long enough is forgotten, in its own stream only": forgetsWhatIsOld
})
