import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { type EffectRecord, faultsShownMax, judge } from "../../src/pipeline/Oracle.ts"

const small = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

/** Two keys with some events each, woven into each other at random, and one of the effects. */
const clean = Arbitrary.all({
  ada: small(2, 8),
  bob: small(0, 8),
  turns: Arbitrary.array(small(0, 1)),
  at: small(0, 999)
}).pipe(
  Arbitrary.map(({ ada, at, bob, turns }) => {
    const committed = new Map([
      ["ada", ada],
      ["bob", bob]
    ])
    const queues = [versionsOf("ada", ada), versionsOf("bob", bob)]
    const woven = [...turns, ...new Array<number>(ada).fill(0), ...new Array<number>(bob).fill(1)]
    const effects = woven
      .flatMap((turn) => queues[turn]?.shift() ?? [])
      .map((effect, position) => ({ ...effect, position }))
    return { committed, effects, at: at % effects.length }
  })
)

const versionsOf = (key: string, count: number) =>
  Array.from({ length: count }, (_, i) => ({ key, version: i + 1, eventId: `${key}-${i + 1}` }))

const kindsOf = (committed: ReadonlyMap<string, number>, effects: ReadonlyArray<EffectRecord>) => {
  const judgement = judge(committed, effects)
  assert.strictEqual(judgement.ok, judgement.faults.length === 0)
  return [...new Set(judgement.faults.map(({ kind }) => kind))]
}

describe("the oracle", () => {
  it.prop("is content with a clean history, however it is shuffled on paper", [clean], ([{ committed, effects }]) => {
    assert.deepStrictEqual(kindsOf(committed, effects), [])
    assert.deepStrictEqual(kindsOf(committed, effects.toReversed()), [])
  })

  it.prop("misses an effect that is not there", [clean], ([{ at, committed, effects }]) => {
    assert.deepStrictEqual(kindsOf(committed, effects.toSpliced(at, 1)), ["lost"])
  })

  it.prop("sees an effect that happened twice", [clean], ([{ at, committed, effects }]) => {
    const again = effects.slice(at, at + 1).map((effect) => ({ ...effect, position: effects.length }))
    assert.deepStrictEqual(kindsOf(committed, [...effects, ...again]), ["duplicated"])
  })

  it.prop("sees two effects of a key the wrong way round", [clean], ([{ committed, effects }]) => {
    const versions = effects.map((effect) => {
      const swapped = effect.version === 1 ? 2 : effect.version === 2 ? 1 : effect.version
      return effect.key === "ada" ? { ...effect, version: swapped } : effect
    })
    assert.deepStrictEqual(kindsOf(committed, versions), ["out of order"])
  })

  it.prop("sees an effect of what was never committed", [clean], ([{ committed, effects }]) => {
    const position = effects.length
    const stray = { eventId: "stray", position }
    const tooHigh = { ...stray, key: "ada", version: (committed.get("ada") ?? 0) + 1 }
    assert.deepStrictEqual(kindsOf(committed, [...effects, tooHigh]), ["phantom"])
    assert.deepStrictEqual(kindsOf(committed, [...effects, { ...stray, key: "ada", version: 0 }]), ["phantom"])
    assert.deepStrictEqual(kindsOf(committed, [...effects, { ...stray, key: "eve", version: 1 }]), ["phantom"])
  })

  it("counts all faults, and names the first", () => {
    const judgement = judge(new Map([["ada", 50]]), [])
    assert.deepInclude(judgement, { ok: false, committed: 50, effects: 0, lost: 50 })
    assert.strictEqual(judgement.faults.length, faultsShownMax)
  })
})
