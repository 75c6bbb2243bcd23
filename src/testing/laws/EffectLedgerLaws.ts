import { Duration, Effect } from "effect"
import { EffectLedger } from "../../pipeline/EffectLedger.ts"
import { type Law, lawsOf } from "./Law.ts"
import { freshStream, together } from "./LawWorld.ts"
import { assert } from "./assert.ts"

const remembers: Law<EffectLedger> = Effect.gen(function* () {
  const stream = yield* freshStream
  const ledger = yield* EffectLedger
  const intend = (...keys: ReadonlyArray<string>) => ledger.intend(stream, "mail", keys)
  assert.deepStrictEqual(yield* intend("a", "b"), ["new", "new"])
  assert.deepStrictEqual(yield* intend("b", "c", "a"), ["intended", "new", "intended"])
  yield* ledger.confirm(stream, "mail", ["b"])
  assert.deepStrictEqual(yield* intend("a", "b"), ["intended", "confirmed"])
  assert.deepStrictEqual(yield* intend(), [])
  yield* ledger.confirm(stream, "mail", [])
  assert.deepStrictEqual(yield* ledger.intend(stream, "push", ["b"]), ["new"])
  assert.deepStrictEqual(yield* ledger.intend(yield* freshStream, "mail", ["b"]), ["new"])
  // What was never confirmed is never forgotten.
  assert.strictEqual(yield* ledger.forget(stream, "mail", Duration.minutes(1)), 0)
  assert.strictEqual(yield* ledger.forget(stream, "push", Duration.zero), 0)
  assert.strictEqual(yield* ledger.forget(stream, "mail", Duration.zero), 1)
  assert.deepStrictEqual(yield* intend("a", "b"), ["intended", "new"])
})

const isNewToOne: Law<EffectLedger> = Effect.gen(function* () {
  const stream = yield* freshStream
  const ledger = yield* EffectLedger
  const answers = yield* together(8, () => ledger.intend(stream, "mail", ["a", "b"]))
  assert.isAtLeast(answers.filter(([a]) => a === "new").length, 1)
  assert.deepStrictEqual(yield* ledger.intend(stream, "mail", ["a", "b"]), ["intended", "intended"])
})

/** The laws of `EffectLedger`. */
export const effectLedgerLaws = lawsOf<EffectLedger>()({
  "intentions are remembered, each for its handler, until some time after they were confirmed": remembers,
  "an effect that several intend at once is intended": isNewToOne
})
