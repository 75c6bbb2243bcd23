import { type AlertInput, silentAfterMs } from "./alertRules.ts"
import type { HandlerBody, OverviewBody } from "./OverviewApi.ts"

/** What one look does not tell, because it is of a time. */
export interface AlertCounts {
  readonly streamShrankPerHour: number
  /** Leases claimed in the last minute, by all instances. */
  readonly leaseChangesPerMinute: number
}

/** The numbers the alert rules look at. */
export const alertInputOf = (body: Omit<OverviewBody, "alerts">, counts: AlertCounts): AlertInput => {
  const { broker, handlers, instances, lag, outbox, parked, relay, stale, violations } = body
  const slowest = slowestOf(handlers)
  return {
    ...counts,
    pendingEvents: pendingEventsOf(body),
    latencyP99Ms: largest(handlers.flatMap(({ latency }) => (latency === null ? [] : [latency.p99]))),
    retriesPerMinute: largest(handlers.map(({ failedPerSecond }) => failedPerSecond * 60)) ?? 0,
    streamBytes: broker.bytes,
    streamBytesMax: broker.bytesMax,
    outboxOldestMs: outbox.oldestMs,
    parkedKeys: parked.keys,
    violations,
    hasLeader: relay.leader !== null,
    leases: handlers.reduce((sum, { partitions }) => sum + partitions.states.length, 0),
    leasesUnowned: handlers.reduce((sum, handler) => sum + unownedOf(handler), 0),
    slowestLagEvents: slowest?.lag ?? lag.events,
    slowestDrainSeconds: slowest === undefined ? 0 : slowest.drainSeconds,
    restingHandlers: handlers.filter(({ resting }) => resting !== null).length,
    silentInstances: silentOf(instances),
    peersAway: stale.length
  }
}

/** Events that wait: in the outbox, and for the handler that is furthest behind. */
export const pendingEventsOf = ({ handlers, outbox }: Pick<OverviewBody, "handlers" | "outbox">) =>
  outbox.rows + (largest(handlers.map(({ lag }) => lag)) ?? 0)

/** Partitions of a handler that nobody owns. */
export const unownedOf = ({ partitions }: Pick<HandlerBody, "partitions">) => partitions.states.split("u").length - 1

/** Instances that have not shown themselves alive of late. */
export const silentOf = (instances: OverviewBody["instances"]) =>
  instances.filter(({ seenMs }) => seenMs > silentAfterMs).length

/** Of the handlers with a backlog, the one that needs longest. */
const slowestOf = (handlers: ReadonlyArray<HandlerBody>): HandlerBody | undefined =>
  handlers
    .filter(({ lag }) => lag > 0)
    .toSorted((one, other) => drainOf(other) - drainOf(one) || other.lag - one.lag)[0]

const drainOf = ({ drainSeconds }: HandlerBody) => drainSeconds ?? Number.MAX_SAFE_INTEGER

const largest = (numbers: ReadonlyArray<number>): number | undefined =>
  numbers.length === 0 ? undefined : Math.max(...numbers)
