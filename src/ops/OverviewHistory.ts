import type { HistoryBody, OverviewBody } from "./OverviewApi.ts"

/** What is kept of a look. */
interface Point {
  readonly atMs: number
  readonly appended: number
  readonly handled: number
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
  readonly outboxRows: number
  readonly outboxOldestMs: number
  readonly lag: number
  readonly lagOldestMs: number
  readonly parkedKeys: number
  readonly violations: number
}

/** Looks of the last quarter of an hour, one a second at most; and one a minute of the last day. */
const secondsMax = 900
const minutesMax = 1_440
const minuteMs = 60_000

/** What was measured, in memory, for charts. Of each minute its last look is kept for the day. */
export class OverviewHistory {
  readonly #seconds: Array<Point> = []
  readonly #minutes: Array<Point> = []

  add(overview: OverviewBody) {
    const point = pointOf(overview)
    this.#seconds.push(point)
    if (this.#seconds.length > secondsMax) this.#seconds.shift()
    const last = this.#minutes.at(-1)
    if (last !== undefined && minuteOf(last) === minuteOf(point)) this.#minutes.pop()
    this.#minutes.push(point)
    if (this.#minutes.length > minutesMax) this.#minutes.shift()
  }

  /** The last minutes: by the second as far as that goes, else by the minute. */
  of(minutes: number, nowMs: number): HistoryBody {
    const from = nowMs - minutes * minuteMs
    const kept = minutes * 60 <= secondsMax ? this.#seconds : this.#minutes
    const points = kept.filter(({ atMs }) => atMs >= from)
    return {
      atMs: points.map(({ atMs }) => atMs),
      appended: points.map(({ appended }) => appended),
      handled: points.map(({ handled }) => handled),
      p50: points.map(({ p50 }) => p50),
      p95: points.map(({ p95 }) => p95),
      p99: points.map(({ p99 }) => p99),
      outboxRows: points.map(({ outboxRows }) => outboxRows),
      outboxOldestMs: points.map(({ outboxOldestMs }) => outboxOldestMs),
      lag: points.map(({ lag }) => lag),
      lagOldestMs: points.map(({ lagOldestMs }) => lagOldestMs),
      parkedKeys: points.map(({ parkedKeys }) => parkedKeys),
      violations: points.map(({ violations }) => violations)
    }
  }
}

const minuteOf = ({ atMs }: Point) => Math.floor(atMs / minuteMs)

const pointOf = ({ atMs, lag, latency, outbox, parked, rates, violations }: OverviewBody): Point => ({
  atMs,
  appended: rates.appended,
  handled: rates.handled,
  p50: latency?.p50 ?? null,
  p95: latency?.p95 ?? null,
  p99: latency?.p99 ?? null,
  outboxRows: outbox.rows,
  outboxOldestMs: outbox.oldestMs,
  lag: lag.events,
  lagOldestMs: lag.oldestMs,
  parkedKeys: parked.keys,
  violations
})
