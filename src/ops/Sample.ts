import { Option } from "effect"
import type { PipelineFacts } from "../pipeline/PipelineView.ts"
import type { Behind, ConsumerStats, StreamStats } from "../pipeline/StreamView.ts"
import { type InstanceReport, reportIn } from "./InstanceReport.ts"
import { addedUp, type Counts, countedSince } from "./Latency.ts"

/** What could not be read: since when, and why. */
export interface Fault {
  readonly what: "postgres" | "nats"
  readonly sinceMs: number
  readonly why: string
}

/** What was read of a pipeline at one moment. */
export interface Sample {
  readonly atMs: number
  readonly facts: PipelineFacts
  readonly stats: StreamStats
  /** By handler and partition, or handler alone. */
  readonly lags: ReadonlyMap<string, Lag>
  /** By instance. */
  readonly reports: ReadonlyMap<string, InstanceReport>
  readonly faults: ReadonlyArray<Fault>
}

/** Events of a partition that are not handled, and the age of the oldest. -1: not known. */
export interface Lag {
  readonly events: number
  readonly oldestMs: number
  /** Of a partition that nobody reads: when the stream was asked, and when the oldest was stored. */
  readonly asked?: { readonly atMs: number; readonly oldestAtMs: number | undefined }
}

export const lagAt = (handler: string, partition?: number) =>
  partition === undefined ? handler : `${handler}/${partition}`

/** What instances say of themselves, as far as it can be read. */
export const reportsOf = ({ instances }: PipelineFacts): ReadonlyMap<string, InstanceReport> =>
  new Map(
    instances.flatMap(({ id, report }) =>
      report === undefined ? [] : Option.match(reportIn(report), { onNone: () => [], onSome: (one) => [[id, one]] })
    )
  )

/** What a consumer has before it. */
export const lagOf = ({ inHand, pending }: ConsumerStats, oldestAtMs: number | undefined, nowMs: number): Lag => {
  const events = pending + inHand
  return { events, oldestMs: events === 0 || oldestAtMs === undefined ? 0 : Math.max(0, nowMs - oldestAtMs) }
}

/** The same of a partition that nobody reads. */
export const lagBehind = ({ events, oldestStoredAtMs }: Behind, nowMs: number): Lag => ({
  events,
  oldestMs: ageOf(oldestStoredAtMs, nowMs),
  asked: { atMs: nowMs, oldestAtMs: oldestStoredAtMs }
})

/** The same some time later, without asking: what waits grows older. */
export const lagLater = (lag: Lag, nowMs: number): Lag => ({ ...lag, oldestMs: ageOf(lag.asked?.oldestAtMs, nowMs) })

const ageOf = (oldestAtMs: number | undefined, nowMs: number) =>
  oldestAtMs === undefined ? 0 : Math.max(0, nowMs - oldestAtMs)

/** How far apart two samples have to be to tell a rate. */
const rateMs = 5_000

/** What recent latencies are of. */
const latencyMs = 30_000

/** The latest samples, oldest first: what rates are told by. */
export class Samples {
  readonly #kept: Array<Sample> = []

  add(sample: Sample) {
    this.#kept.push(sample)
    const oldest = this.#kept.findLastIndex(({ atMs }) => atMs <= sample.atMs - latencyMs)
    if (oldest > 0) this.#kept.splice(0, oldest)
  }

  get last(): Sample | undefined {
    return this.#kept.at(-1)
  }

  /** The newest that is old enough for a rate, or the oldest there is. */
  get before(): Sample | undefined {
    const last = this.last
    if (last === undefined || this.#kept.length < 2) return undefined
    return this.#kept.findLast(({ atMs }) => atMs <= last.atMs - rateMs) ?? this.#kept[0]
  }

  /** The oldest that is kept. */
  get oldest(): Sample | undefined {
    return this.#kept.length < 2 ? undefined : this.#kept[0]
  }
}

/** A second's share of what was counted between two samples; counting anew is no less. */
export const perSecond = (now: number, before: number | undefined, ms: number): number =>
  before === undefined || ms <= 0 ? 0 : Math.round((Math.max(0, now - before) * 10_000) / ms) / 10

/** A handler's part of a report. */
export const handlerIn = (report: InstanceReport | undefined, name: string) =>
  report?.handlers.find((one) => one.name === name)

/** Of all instances, what was counted of a handler between two samples. */
export const countedBetween = (
  now: Sample,
  before: Sample | undefined,
  name: string,
  what: "handled" | "failed"
): number => {
  if (before === undefined) return 0
  return [...now.reports].reduce((sum, [id, report]) => {
    const after = handlerIn(report, name)?.[what] ?? 0
    const known = handlerIn(before.reports.get(id), name)?.[what] ?? 0
    // An instance that was started meanwhile has counted anew.
    return sum + (after < known ? after : after - known)
  }, 0)
}

/** Latencies of a handler, or of all, between two samples. */
export const latencyBetween = (now: Sample, before: Sample | undefined, name?: string): Counts =>
  addedUp(
    [...now.reports].flatMap(([id, report]) =>
      report.handlers
        .filter((one) => name === undefined || one.name === name)
        .map((one) => countedSince(one.latency, handlerIn(before?.reports.get(id), one.name)?.latency))
    )
  )
