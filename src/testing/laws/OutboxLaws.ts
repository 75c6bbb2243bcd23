import { Cause, Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { Backlog } from "../../pipeline/Backlog.ts"
import { EventLog } from "../../pipeline/EventLog.ts"
import { Outbox } from "../../pipeline/Outbox.ts"
import { VersionConflict } from "../../pipeline/PipelineError.ts"
import { outboxDoorbell } from "../../pipeline/Relay.ts"
import { RelayStore } from "../../pipeline/RelayStore.ts"
import { Transactor } from "../../pipeline/Transactor.ts"
import { type Law, lawsOf } from "./Law.ts"
import {
  type StorePorts,
  append,
  entryOf,
  eventually,
  freshStream,
  placesIn,
  placesOf,
  present,
  rowsIn,
  tagOf,
  together
} from "./LawWorld.ts"
import { assert } from "./assert.ts"

/** A transaction that has appended and stands open until it is told to commit. */
const standing = Effect.fnUntraced(function* (stream: string, keys: ReadonlyArray<string>) {
  const { run } = yield* Transactor
  const outbox = yield* Outbox
  const appended = yield* Deferred.make<void>()
  const asked = yield* Deferred.make<void>()
  const transaction = yield* run(
    outbox.append(stream, keys.map(entryOf), {}).pipe(
      Effect.tap(() => Deferred.succeed(appended, undefined)),
      Effect.tap(() => Deferred.await(asked))
    )
  ).pipe(Effect.forkScoped)
  yield* Deferred.await(appended)
  return { commit: Deferred.succeed(asked, undefined).pipe(Effect.andThen(Fiber.join(transaction))) }
})

const countsEachKey: Law<StorePorts> = Effect.gen(function* () {
  const stream = yield* freshStream
  const first = yield* append(stream, ["b", "a", "b", "c", "a", "b"])
  assert.strictEqual(placesOf(first), "b1 a1 b2 c1 a2 b3")
  assert.strictEqual(placesOf(yield* append(stream, ["c", "a"])), "c2 a3")
  assert.deepStrictEqual(yield* append(stream, []), [])
  const rows = yield* rowsIn(stream)
  assert.strictEqual(placesOf(rows), "b1 a1 b2 c1 a2 b3 c2 a3")
  assert.deepStrictEqual(
    rows.slice(0, 6).map((row) => row.eventId),
    first.map((one) => one.eventId)
  )
})

const keepsStreamsApart: Law<StorePorts> = Effect.gen(function* () {
  const [left, right] = [yield* freshStream, yield* freshStream]
  yield* append(left, ["a", "a"])
  assert.strictEqual(placesOf(yield* append(right, ["a"])), "a1")
  assert.strictEqual(yield* placesIn(left), "a1 a2")
  assert.strictEqual(yield* placesIn(right), "a1")
})

const carriesTheEntry: Law<StorePorts> = Effect.gen(function* () {
  const stream = yield* freshStream
  const { run } = yield* Transactor
  const outbox = yield* Outbox
  const key = `O'Brien "{}" \\ ü 訂 %s $1`
  const entry = { ...entryOf(key), type: "odd", traceparent: "00-1-2-01", payload: JSON.stringify({ key, deep: [1] }) }
  yield* run(outbox.append(stream, [entry], {}))
  const rows = yield* rowsIn(stream)
  assert.deepStrictEqual(
    rows.map(({ id: _, ...row }) => row),
    [{ ...entry, version: 1 }]
  )
})

const showsNothingBeforeTheCommit: Law<StorePorts> = Effect.gen(function* () {
  const stream = yield* freshStream
  const open = yield* standing(stream, ["a", "b"])
  assert.strictEqual(yield* placesIn(stream), "")
  yield* open.commit
  assert.strictEqual(yield* placesIn(stream), "a1 b1")
})

const leavesNothingWhenRolledBack: Law<StorePorts> = Effect.gen(function* () {
  const stream = yield* freshStream
  const { run } = yield* Transactor
  const outbox = yield* Outbox
  yield* append(stream, ["a"])
  for (const end of [Effect.fail("no"), Effect.die("bug"), Effect.interrupt]) {
    const exit = yield* Effect.exit(run(Effect.andThen(outbox.append(stream, ["a", "new"].map(entryOf), {}), end)))
    assert.isTrue(Exit.isFailure(exit))
    assert.strictEqual(yield* placesIn(stream), "a1")
  }
  assert.strictEqual(placesOf(yield* append(stream, ["a", "new"])), "a2 new1")
})

const undoesSavepoints: Law<StorePorts> = Effect.gen(function* () {
  const stream = yield* freshStream
  const { run } = yield* Transactor
  const outbox = yield* Outbox
  const inner = run(Effect.andThen(outbox.append(stream, [entryOf("a"), entryOf("b")], {}), Effect.fail("undo")))
  yield* run(
    Effect.gen(function* () {
      yield* outbox.append(stream, [entryOf("a")], {})
      assert.strictEqual(yield* tagOf(inner), "undo")
      assert.strictEqual(placesOf(yield* outbox.append(stream, [entryOf("a")], {})), "a2")
      yield* run(outbox.append(stream, [entryOf("b")], {}))
    })
  )
  assert.strictEqual(yield* placesIn(stream), "a1 a2 b1")
  // A savepoint that was kept goes with its transaction all the same.
  yield* Effect.exit(run(Effect.andThen(run(outbox.append(stream, [entryOf("a")], {})), Effect.fail("no"))))
  assert.strictEqual(placesOf(yield* append(stream, ["a"])), "a3")
  assert.strictEqual(yield* placesIn(stream), "a1 a2 b1 a3")
})

const refusesAnotherVersion: Law<StorePorts> = Effect.gen(function* () {
  const stream = yield* freshStream
  yield* append(stream, ["a", "a"], { expectedVersion: 0 })
  for (const [key, expectedVersion] of [
    ["a", 0],
    ["a", 1],
    ["a", 3],
    ["new", 1]
  ] as const) {
    const error = yield* Effect.flip(append(stream, [key], { expectedVersion }))
    assert.instanceOf(error, VersionConflict)
    assert.deepInclude(error, { key, expectedVersion })
  }
  assert.strictEqual(yield* placesIn(stream), "a1 a2")
  assert.strictEqual(placesOf(yield* append(stream, ["a", "a"], { expectedVersion: 2 })), "a3 a4")
  assert.strictEqual(placesOf(yield* append(stream, ["new"], { expectedVersion: 0 })), "new1")
})

const survivesACaughtConflict: Law<StorePorts> = Effect.gen(function* () {
  const stream = yield* freshStream
  const { run } = yield* Transactor
  const outbox = yield* Outbox
  yield* run(
    Effect.gen(function* () {
      yield* outbox.append(stream, [entryOf("a")], {})
      assert.strictEqual(yield* tagOf(outbox.append(stream, [entryOf("a")], { expectedVersion: 0 })), "VersionConflict")
      yield* outbox.append(stream, [entryOf("a")], { expectedVersion: 1 })
    })
  )
  assert.strictEqual(yield* placesIn(stream), "a1 a2")
})

const letsOneOfManyWin: Law<StorePorts> = Effect.gen(function* () {
  const stream = yield* freshStream
  yield* append(stream, ["a"])
  const exits = yield* together(8, () => Effect.exit(append(stream, ["a"], { expectedVersion: 1 })))
  assert.lengthOf(exits.filter(Exit.isSuccess), 1)
  assert.strictEqual(yield* placesIn(stream), "a1 a2")
})

const diesOutside: Law<StorePorts> = Effect.gen(function* () {
  const stream = yield* freshStream
  const outbox = yield* Outbox
  const exit = yield* Effect.exit(outbox.append(stream, [entryOf("a")], {}))
  assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
  assert.strictEqual(yield* placesIn(stream), "")
  assert.strictEqual(placesOf(yield* append(stream, ["a"])), "a1")
})

const makesOneKeyWait: Law<StorePorts> = Effect.gen(function* () {
  const stream = yield* freshStream
  const first = yield* standing(stream, ["a"])
  const second = yield* Effect.forkScoped(append(stream, ["a"]))
  yield* Effect.sleep("150 millis")
  assert.isUndefined(second.pollUnsafe())
  assert.strictEqual(placesOf(yield* first.commit), "a1")
  assert.strictEqual(placesOf(yield* Fiber.join(second)), "a2")
  assert.strictEqual(yield* placesIn(stream), "a1 a2")
})

const letsOtherKeysPass: Law<StorePorts> = Effect.gen(function* () {
  const stream = yield* freshStream
  const first = yield* standing(stream, ["a"])
  yield* append(stream, ["b"]).pipe(Effect.timeout("1 second"))
  assert.strictEqual(yield* placesIn(stream), "b1")
  yield* first.commit
})

const neverDeadlocks: Law<StorePorts> = Effect.gen(function* () {
  const stream = yield* freshStream
  const keys = ["a", "b", "c"]
  const exits = yield* together(24, (i) => Effect.exit(append(stream, i % 2 === 0 ? keys : keys.toReversed())))
  assert.isTrue(exits.every(Exit.isSuccess))
  const rows = yield* rowsIn(stream)
  for (const key of keys) {
    assert.deepStrictEqual(
      rows.filter((row) => row.key === key).map((row) => row.version),
      Array.from({ length: 24 }, (_, i) => i + 1)
    )
  }
})

const wakesTheRelay: Law<StorePorts> = Effect.gen(function* () {
  const stream = yield* freshStream
  const log = yield* EventLog
  const { run } = yield* Transactor
  const outbox = yield* Outbox
  const seen: Array<string> = []
  const look = Effect.map(placesIn(stream), (places) => void seen.push(places))
  yield* Effect.forkScoped(Stream.runForEach(log.rings(outboxDoorbell(stream)), () => look))
  // Nobody says when the listener listens, so the bell is rung until it does; an empty outbox is what it then sees.
  yield* eventually(
    "a listener",
    Effect.map(log.ring(outboxDoorbell(stream)), () => seen.length > 0)
  )
  yield* Effect.exit(run(Effect.andThen(outbox.append(stream, [entryOf("a")], {}), Effect.fail("no"))))
  yield* Effect.sleep("100 millis")
  const before = seen.length
  yield* append(stream, ["a"])
  yield* eventually(
    "a ring",
    Effect.sync(() => seen.length > before)
  )
  assert.deepStrictEqual(new Set(seen.slice(before)), new Set(["a1"]))
})

const countsTheBacklog: Law<StorePorts> = Effect.gen(function* () {
  const stream = yield* freshStream
  const backlog = yield* Backlog
  const { hold } = yield* RelayStore
  assert.deepStrictEqual(yield* backlog.measure(stream, 10), { rows: 0, oldestMs: 0 })
  yield* append(stream, ["a", "b"])
  yield* Effect.sleep("30 millis")
  yield* append(stream, ["a"])
  const { oldestMs, rows } = yield* backlog.measure(stream, 10)
  assert.strictEqual(rows, 3)
  assert.isTrue(oldestMs >= 25 && oldestMs < 10_000, String(oldestMs))
  assert.strictEqual((yield* backlog.measure(stream, 2)).rows, 2)
  assert.strictEqual((yield* backlog.measure(yield* freshStream, 10)).rows, 0)
  // What an operator has to look at does not keep everybody else out.
  const [first] = yield* rowsIn(stream)
  yield* hold(stream, yield* present(first), "too large")
  assert.strictEqual((yield* backlog.measure(stream, 10)).rows, 1)
})

/** The laws of `Outbox`. */
export const outboxLaws = lawsOf<StorePorts>()({
  "says how much of it waits to be published, and since when; keys that are held are left out": countsTheBacklog,
  "gives each key the versions 1, 2, 3 … in the order of the entries": countsEachKey,
  "counts the keys of each stream for themselves": keepsStreamsApart,
  "keeps an entry as it was written": carriesTheEntry,
  "shows nothing before the commit, and all of it with it": showsNothingBeforeTheCommit,
  "a transaction that fails, dies or is interrupted leaves no row and takes no version": leavesNothingWhenRolledBack,
  "a savepoint that is undone, by itself or with its transaction, leaves no row and takes no version": undoesSavepoints,
  "a version that is not the expected one is a typed conflict, and writes nothing": refusesAnotherVersion,
  "a conflict that is caught leaves its transaction as it was": survivesACaughtConflict,
  "of many that expect the same version one appends": letsOneOfManyWin,
  "dies outside a transaction, and writes nothing": diesOutside,
  "appends to one key wait until the transaction before has ended": makesOneKeyWait,
  "appends to another key do not wait": letsOtherKeysPass,
  "transactions that touch the same keys in another order all commit, without a gap": neverDeadlocks,
  "wakes the relay when the rows are there, and not before": wakesTheRelay
})
