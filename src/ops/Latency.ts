/**
 * Upper bounds of the latency buckets in milliseconds, two for each doubling, from 1 ms to 7 minutes: a quantile read from
 * them is off by a third at most. What takes longer is in one more bucket.
 */
export const latencyBoundsMs: ReadonlyArray<number> = Array.from(
  { length: 38 },
  (_, i) => (i % 2 === 0 ? 1 : 1.5) * 2 ** Math.floor(i / 2)
)

/** Buckets, the last one included. */
export const latencyBuckets = latencyBoundsMs.length + 1

/** For most events the bucket is looked up. */
const lookedUpMsMax = 4_096

const bucketAbove = (ms: number): number => {
  const found = latencyBoundsMs.findIndex((bound) => ms <= bound)
  return found === -1 ? latencyBoundsMs.length : found
}

const table = Uint8Array.from({ length: lookedUpMsMax + 1 }, (_, ms) => bucketAbove(ms))

/** The bucket of a latency in whole milliseconds; less than nothing, by clocks that differ, is nothing. */
export const bucketOf = (ms: number): number => (ms > lookedUpMsMax ? bucketAbove(ms) : (table[Math.max(0, ms)] ?? 0))

/** Counts by bucket. */
export type Counts = ReadonlyArray<number>

/** The quantile of what was counted, in milliseconds, straight between the bounds of its bucket; undefined: nothing was. */
export const quantileOf = (counts: Counts, q: number): number | undefined => {
  const total = counts.reduce((sum, n) => sum + n, 0)
  if (total === 0) return undefined
  let below = 0
  const wanted = q * total
  for (const [bucket, n] of counts.entries()) {
    if (n > 0 && below + n >= wanted) {
      const [from, to] = edgesOf(bucket)
      return from + ((wanted - below) / n) * (to - from)
    }
    below += n
  }
  return latencyBoundsMs.at(-1)
}

/** The upper bound of the highest bucket with anything in it. */
export const highestOf = (counts: Counts): number => edgesOf(counts.findLastIndex((n) => n > 0))[1]

const edgesOf = (bucket: number): readonly [number, number] => {
  const to = latencyBoundsMs[bucket] ?? latencyBoundsMs.at(-1) ?? 0
  return [latencyBoundsMs[bucket - 1] ?? 0, to]
}

/** What was counted since. Fewer than before: it was counted anew. */
export const countedSince = (now: Counts, before: Counts | undefined): Counts =>
  before === undefined || now.some((n, i) => n < (before[i] ?? 0)) ? now : now.map((n, i) => n - (before[i] ?? 0))

/** Counts of several together. */
export const addedUp = (all: ReadonlyArray<Counts>): Counts =>
  Array.from({ length: latencyBuckets }, (_, i) => all.reduce((sum, counts) => sum + (counts[i] ?? 0), 0))
