import type { Metric } from "effect"

/** A histogram that is counted in plain numbers: an event costs it a comparison or a few, and two additions. */
export class LatencyBuckets {
  readonly #boundsMs: ReadonlyArray<number>
  readonly #counts: Float64Array
  #count = 0
  #sumMs = 0
  #minMs = Number.POSITIVE_INFINITY
  #maxMs = 0

  /** Upper bounds in seconds, ascending. */
  constructor(boundsSeconds: ReadonlyArray<number>) {
    this.#boundsMs = boundsSeconds.map((seconds) => seconds * 1_000)
    this.#counts = new Float64Array(boundsSeconds.length + 1)
  }

  add(ms: number) {
    const last = this.#boundsMs.length
    let at = 0
    while (at < last && ms > (this.#boundsMs[at] ?? 0)) at += 1
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    this.#count += 1
    this.#sumMs += ms
    if (ms < this.#minMs) this.#minMs = ms
    if (ms > this.#maxMs) this.#maxMs = ms
  }

  /** In seconds, as the metrics registry has it: of each bucket, how many are in it or below it. */
  get state(): Metric.HistogramState {
    let below = 0
    const buckets = this.#boundsMs.map((bound, i): [number, number] => {
      below += this.#counts[i] ?? 0
      return [bound / 1_000, below]
    })
    const min = this.#count === 0 ? 0 : this.#minMs / 1_000
    return { buckets, count: this.#count, min, max: this.#maxMs / 1_000, sum: this.#sumMs / 1_000 }
  }
}
