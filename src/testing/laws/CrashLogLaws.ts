import { Effect } from "effect"
import { CrashLog, type Suspect } from "../../pipeline/CrashLog.ts"
import { Ownership } from "../../pipeline/Ownership.ts"
import { type Law, lawsOf } from "./Law.ts"
import { type StorePorts, claimed, freshStream, present } from "./LawWorld.ts"
import { LeaseClock } from "./LeaseClock.ts"
import { assert } from "./assert.ts"

const sorted = (suspects: ReadonlyArray<Suspect>) =>
  suspects.map(({ attempts, key, version }) => `${key} ${version} ${attempts}`).toSorted()

const opened = Effect.gen(function* () {
  const stream = yield* freshStream
  const ownership = yield* Ownership
  yield* ownership.declare(stream, ["mail"], 2)
  const [left, right] = yield* claimed(stream, "ada", 2)
  return { crashes: yield* CrashLog, left: yield* present(left), right: yield* present(right), stream }
})

const counts: Law<StorePorts | CrashLog> = Effect.gen(function* () {
  const { crashes, left, right } = yield* opened
  const [a1, a2, b1] = [
    { key: "a", version: 1 },
    { key: "a", version: 2 },
    { key: "b", version: 1 }
  ]
  yield* crashes.note(left, [a1, b1])
  yield* crashes.note(left, [a1, a2])
  yield* crashes.note(left, [])
  yield* crashes.note(right, [a1])
  assert.deepStrictEqual(sorted(yield* crashes.read(left)), ["a 1 2", "a 2 1", "b 1 1"])
  yield* crashes.heard(left, [a1, b1, { key: "c", version: 1 }])
  yield* crashes.heard(left, [])
  assert.deepStrictEqual(sorted(yield* crashes.read(left)), ["a 1 1", "a 2 1"])
  yield* crashes.clear(left)
  assert.deepStrictEqual(yield* crashes.read(left), [])
  assert.deepStrictEqual(sorted(yield* crashes.read(right)), ["a 1 1"])
})

const tellsAbandoned: Law<StorePorts | CrashLog> = Effect.gen(function* () {
  const { left, right, stream } = yield* opened
  const ownership = yield* Ownership
  assert.isUndefined(left.abandoned)
  yield* ownership.release([left])
  yield* (yield* LeaseClock).expire(stream)
  const [given, abandoned] = yield* claimed(stream, "bob", 2)
  assert.deepStrictEqual([given?.abandoned, abandoned?.abandoned], [undefined, true])
  assert.strictEqual(abandoned?.partition, right.partition)
})

/** The laws of `CrashLog`, and of what a claim says of the owner before. */
export const crashLogLaws = lawsOf<StorePorts | CrashLog>()({
  "attempts are counted by event and partition until they are heard of or cleared": counts,
  "a claim says whether the owner before gave the partition back": tellsAbandoned
})
