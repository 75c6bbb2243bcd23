import { alertInputOf } from "./alertInput.ts"
import { alertRules, evaluateAlerts } from "./alertRules.ts"
import type { AlertBody, OverviewBody } from "./OverviewApi.ts"
import type { Sample } from "./Sample.ts"

const minuteMs = 60_000
const hourMs = 3_600_000

/** A running count at a moment. */
interface Count {
  readonly atMs: number
  readonly n: number
}

/** How the shipped rules stand: since when each holds, and whether that is long enough to fire. */
export class AlertBoard {
  readonly #since = new Map<string, number>()
  readonly #forSeconds = new Map(alertRules.map(({ forSeconds, name }) => [name, forSeconds]))
  readonly #claims = new RunningCount(minuteMs)
  readonly #shrinks = new RunningCount(hourMs)

  judge(overview: Omit<OverviewBody, "alerts">, sample: Sample): ReadonlyArray<AlertBody> {
    const { atMs } = sample
    const input = alertInputOf(overview, {
      streamShrankPerHour: this.#shrinks.recent(sample, ({ shrinks }) => shrinks),
      leaseChangesPerMinute: this.#claims.recent(sample, ({ leaseChanges }) => leaseChanges)
    })
    return evaluateAlerts(input).map(({ firing: holds, ...rule }) => {
      if (!holds) this.#since.delete(rule.name)
      else if (!this.#since.has(rule.name)) this.#since.set(rule.name, atMs)
      const since = this.#since.get(rule.name)
      const isLong = since !== undefined && atMs - since >= (this.#forSeconds.get(rule.name) ?? 0) * 1_000
      return { ...rule, firing: isLong, sinceMs: since ?? null }
    })
  }
}

/** What all instances counted in the latest stretch of time. */
class RunningCount {
  readonly #ms: number
  readonly #steps: Array<Count> = []
  readonly #known = new Map<string, number>()

  constructor(ms: number) {
    this.#ms = ms
  }

  recent({ atMs, reports }: Sample, of: (report: { leaseChanges: number; shrinks: number }) => number): number {
    const isFirst = this.#steps.length === 0
    let n = 0
    for (const [id, report] of reports) {
      const count = of(report)
      const before = this.#known.get(id)
      // What was counted before anybody looked is not news.
      if (before !== undefined) n += Math.max(0, count - before)
      else if (!isFirst) n += count
      this.#known.set(id, count)
    }
    for (const id of this.#known.keys()) if (!reports.has(id)) this.#known.delete(id)
    this.#steps.push({ atMs, n })
    while ((this.#steps[0]?.atMs ?? atMs) < atMs - this.#ms) this.#steps.shift()
    return this.#steps.reduce((sum, step) => sum + step.n, 0)
  }
}
