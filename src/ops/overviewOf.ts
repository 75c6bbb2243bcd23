import { isPaused } from "../pipeline/Control.ts"
import type { ControlEntry } from "../pipeline/ControlDesk.ts"
import type { LeaseFacts } from "../pipeline/PipelineView.ts"
import { silentAfterMs } from "./alertRules.ts"
import { type Counts, highestOf, quantileOf } from "./Latency.ts"
import type { AlertBody, HandlerBody, InstanceBody, OverviewBody } from "./OverviewApi.ts"
import { columnsOf } from "./partitionColumns.ts"
import { countedBetween, lagAt, latencyBetween, perSecond, type Sample, type Samples } from "./Sample.ts"

/** What an overview says besides what was read. */
export interface Surroundings {
  readonly stream: string
  readonly environment: string
  readonly version: string
  readonly command: string
  readonly readOnly: boolean
  readonly outboxRowsMax: number
}

/** The pipeline as people see it, from what was read of it. Alerts are judged by it, and added. */
export const overviewOf = (samples: Samples, now: Sample, about: Surroundings): Omit<OverviewBody, "alerts"> => {
  const { before, oldest } = samples
  const { facts, stats } = now
  const handlers = handlerNames(facts.leases).map((name) => handlerOf(name, samples, now))
  const ms = now.atMs - (before?.atMs ?? now.atMs)
  const published = perSecond(stats.lastSeq, before?.stats.lastSeq, ms)
  const appended = perSecond(
    stats.lastSeq + facts.outbox.rows,
    before === undefined ? undefined : before.stats.lastSeq + before.facts.outbox.rows,
    ms
  )
  return {
    atMs: now.atMs,
    stream: about.stream,
    environment: about.environment,
    version: about.version,
    command: about.command,
    readOnly: about.readOnly,
    stale: now.faults,
    partitions: facts.partitions,
    first: facts.first,
    wantedPartitions: facts.wanted ?? null,
    rates: { appended, published, handled: sumOf(handlers, (one) => one.handledPerSecond) },
    latency: latencyOf(latencyBetween(now, oldest)),
    outbox: { ...facts.outbox, more: facts.outbox.rows >= about.outboxRowsMax },
    relay: { leader: facts.relay.leader ?? null, epoch: facts.relay.epoch, failing: failingOf(now) },
    broker: stats,
    lag: {
      events: sumOf(handlers, (one) => Math.max(0, one.lag)),
      oldestMs: Math.max(0, ...handlers.map((one) => one.oldestMs)),
      inHand: sumOf(handlers, (one) => one.inHand)
    },
    parked: {
      keys: sumOf(handlers, (one) => one.parkedKeys),
      events: sumOf(handlers, (one) => one.parkedEvents),
      retryingKeys: sumOf(handlers, (one) => one.retryingKeys)
    },
    violations: [...facts.violations.values()].reduce((sum, n) => sum + n, 0),
    handlers,
    instances: facts.instances.map((one) => instanceOf(one, now))
  }
}

/** An overview with its alerts. */
export const withAlerts = (overview: Omit<OverviewBody, "alerts">, alerts: ReadonlyArray<AlertBody>): OverviewBody => ({
  ...overview,
  alerts
})

const handlerNames = (leases: ReadonlyArray<LeaseFacts>) => [...new Set(leases.map(({ handler }) => handler))]

const sumOf = <A>(all: ReadonlyArray<A>, of: (one: A) => number) =>
  Math.round(all.reduce((sum, one) => sum + of(one), 0) * 10) / 10

/** Whoever led before may have gone while it failed. */
const failingOf = ({ facts: { relay }, reports }: Sample) =>
  (relay.leader === undefined ? undefined : reports.get(relay.leader)?.relayFailing) ?? null

/** What those say that still show themselves: of those who are gone, the last is shown for a while, and is not so any more. */
const livingReports = ({ facts, reports }: Sample) =>
  facts.instances.flatMap(({ id, seenMs }) => (seenMs > silentAfterMs ? [] : (reports.get(id) ?? [])))

const handlerOf = (name: string, { before, oldest }: Samples, now: Sample): HandlerBody => {
  const { facts } = now
  const leases = facts.leases.filter(({ handler }) => handler === name)
  const delivery = leases[0]?.delivery ?? "ordered"
  const ms = now.atMs - (before?.atMs ?? now.atMs)
  const handledPerSecond = perSecond(countedBetween(now, before, name, "handled"), 0, ms)
  const columns = columnsOf(name, leases, now, before)
  const shared = now.lags.get(lagAt(name))
  const lag = shared?.events ?? columns.lag.reduce((sum, n) => sum + Math.max(0, n), 0)
  const own = livingReports(now).flatMap((report) => report.handlers.filter((one) => one.name === name))
  const aside = facts.aside.find(({ handler }) => handler === name)
  const control = facts.controls.find((one) => one.handler === name && one.partition === undefined)
  return {
    name,
    delivery,
    paused: pausedBy(facts.controls, name),
    resting: own.map(({ resting }) => resting).find((why) => why !== null) ?? null,
    throttledPerSecond: control?.perSecond ?? null,
    handledPerSecond,
    failedPerSecond: perSecond(countedBetween(now, before, name, "failed"), 0, ms),
    latency: latencyOf(latencyBetween(now, oldest, name)),
    lag,
    oldestMs: shared?.oldestMs ?? Math.max(0, ...columns.oldestMs),
    inHand: own.reduce((sum, { inHand }) => sum + inHand, 0),
    drainSeconds: drainSecondsOf(lag, handledPerSecond, lagOfHandler(before, name), ms),
    parkedKeys: aside?.parkedKeys ?? 0,
    parkedEvents: aside?.events ?? 0,
    retryingKeys: aside?.retryingKeys ?? 0,
    violations: facts.violations.get(name) ?? 0,
    epochs: leases.reduce((sum, { epoch }) => sum + epoch, 0),
    partitions: columns
  }
}

/** Who paused a handler as a whole, or everything. */
const pausedBy = (controls: ReadonlyArray<ControlEntry>, handler: string) => {
  const whole = controls.filter(({ partition }) => partition === undefined)
  const by = whole.find((one) => isPaused([one], handler))
  return by === undefined ? null : { actor: by.actor, why: by.why, atMs: Math.round(by.atMs) }
}

const lagOfHandler = (sample: Sample | undefined, name: string): number | undefined => {
  if (sample === undefined) return undefined
  const shared = sample.lags.get(lagAt(name))
  if (shared !== undefined) return shared.events
  const own = sample.facts.leases.filter(({ handler }) => handler === name)
  return own.reduce((sum, { partition }) => sum + Math.max(0, sample.lags.get(lagAt(name, partition))?.events ?? 0), 0)
}

/** By how fast it shrinks, not by how much is handled: as much may arrive. */
const drainSecondsOf = (lag: number, handledPerSecond: number, before: number | undefined, ms: number) => {
  // What is handled within a second or so is no backlog.
  if (lag <= handledPerSecond) return 0
  const shrinks = before === undefined || ms <= 0 ? 0 : ((before - lag) * 1_000) / ms
  return shrinks <= 0 ? null : Math.ceil(lag / shrinks)
}

const latencyOf = (counts: Counts) => {
  const p50 = quantileOf(counts, 0.5)
  if (p50 === undefined) return null
  const round = (ms: number) => Math.round(ms * 10) / 10
  return {
    p50: round(p50),
    p95: round(quantileOf(counts, 0.95) ?? 0),
    p99: round(quantileOf(counts, 0.99) ?? 0),
    max: round(highestOf(counts))
  }
}

const instanceOf = (instance: Sample["facts"]["instances"][number], { facts, reports }: Sample): InstanceBody => {
  const { host, id, roles, seenMs, startedAtMs, version } = instance
  const report = reports.get(id)
  return {
    id,
    host,
    version,
    roles,
    startedAtMs,
    seenMs,
    leads: facts.relay.leader === id,
    partitions: facts.leases.filter(({ owner }) => owner === id).length,
    inHand: report?.handlers.reduce((sum, { inHand }) => sum + inHand, 0) ?? 0,
    draining: report?.draining ?? false
  }
}
