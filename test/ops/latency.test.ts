import { assert, describe, it } from "@effect/vitest"
import {
  addedUp,
  bucketOf,
  countedSince,
  highestOf,
  latencyBoundsMs,
  latencyBuckets,
  quantileOf
} from "../../src/ops/Latency.ts"

const countsOf = (latencies: ReadonlyArray<number>) => {
  const counts = Array.from({ length: latencyBuckets }, () => 0)
  for (const ms of latencies) counts[bucketOf(ms)] = (counts[bucketOf(ms)] ?? 0) + 1
  return counts
}

describe("latencies in buckets", () => {
  it("go up in order, two for each doubling", () => {
    assert.deepStrictEqual(latencyBoundsMs.slice(0, 6), [1, 1.5, 2, 3, 4, 6])
    assert.deepStrictEqual(
      latencyBoundsMs,
      latencyBoundsMs.toSorted((a, b) => a - b)
    )
    assert.isAbove(latencyBoundsMs.at(-1) ?? 0, 300_000)
  })

  it("each is in the first bucket whose bound it does not exceed, whichever way it is looked up", () => {
    for (const ms of [0, 1, 2, 3, 5, 100, 4_095, 4_096, 4_097, 70_000, 300_000, 10_000_000]) {
      const bucket = bucketOf(ms)
      assert.isTrue(ms <= (latencyBoundsMs[bucket] ?? Number.POSITIVE_INFINITY), String(ms))
      assert.isTrue(bucket === 0 || ms > (latencyBoundsMs[bucket - 1] ?? 0), String(ms))
    }
    assert.strictEqual(bucketOf(-5), 0)
  })

  it("a quantile is off by half of itself at most", () => {
    const latencies = Array.from({ length: 1_000 }, (_, i) => i + 1)
    for (const q of [0.1, 0.5, 0.9, 0.95, 0.99]) {
      const exact = q * 1_000
      const found = quantileOf(countsOf(latencies), q) ?? 0
      assert.isTrue(found > exact / 1.5 && found < exact * 1.5, `${q}: ${found}`)
    }
    assert.isUndefined(quantileOf(countsOf([]), 0.5))
    assert.isAtLeast(highestOf(countsOf(latencies)), 1_000)
  })

  it("what was counted since, and of several together; fewer than before is counted anew", () => {
    const [before, after] = [countsOf([5, 10]), countsOf([5, 10, 10, 700])]
    assert.deepStrictEqual(countedSince(after, before), countsOf([10, 700]))
    assert.deepStrictEqual(countedSince(before, after), before)
    assert.deepStrictEqual(countedSince(before, undefined), before)
    assert.deepStrictEqual(addedUp([before, after]), countsOf([5, 10, 5, 10, 10, 700]))
    assert.deepStrictEqual(addedUp([]), countsOf([]))
  })
})
