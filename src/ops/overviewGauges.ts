import { type Context, Effect, Metric } from "effect"
import { pendingEventsOf, silentOf, unownedOf } from "./alertInput.ts"
import { type MetricLine, seen } from "./metricTable.ts"
import type { HandlerBody, OverviewBody } from "./OverviewApi.ts"

/** A gauge with its labels, at one moment. */
export interface GaugeSample {
  readonly line: MetricLine
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

type Seen = Omit<OverviewBody, "alerts">

/** What is seen of a pipeline, in numbers. */
export const gaugesOf = (body: Seen): ReadonlyArray<GaugeSample> => [
  ...ofPipeline(body),
  ...ofBroker(body),
  ...ofInstances(body),
  ...body.handlers.flatMap(ofHandler)
]

/** Brings the registry's gauges up to date. */
export const noteOverview = (body: Seen): Effect.Effect<void> =>
  Effect.map(Effect.context<never>(), (registry) => {
    for (const sample of gaugesOf(body)) setGauge(registry, sample)
  })

/** Sets one gauge. */
export const setGauge = (registry: Context.Context<never>, { labels, line, value }: GaugeSample) =>
  Metric.gauge(line.name, { description: line.help, attributes: labels }).updateUnsafe(value, registry)

const plain = (line: MetricLine, value: number): GaugeSample => ({ line, labels: {}, value })

const flag = (is: boolean) => (is ? 1 : 0)

const seconds = (ms: number) => ms / 1_000

const ofPipeline = (body: Seen): ReadonlyArray<GaugeSample> => {
  const { environment, outbox, relay, version } = body
  return [
    { line: seen.info, labels: { version, environment }, value: 1 },
    plain(seen.pendingEvents, pendingEventsOf(body)),
    plain(seen.outboxEvents, outbox.rows),
    plain(seen.outboxOldest, seconds(outbox.oldestMs)),
    plain(seen.heldKeys, outbox.heldKeys),
    plain(seen.relayLeaders, flag(relay.leader !== null)),
    plain(seen.relayEpoch, relay.epoch),
    plain(seen.relayFailing, flag(relay.failing !== null))
  ]
}

const ofBroker = ({ broker }: Seen): ReadonlyArray<GaugeSample> => [
  plain(seen.streamMessages, broker.messages),
  plain(seen.streamBytes, broker.bytes),
  plain(seen.streamLimit, Math.max(0, broker.bytesMax)),
  plain(seen.streamLastSeq, broker.lastSeq)
]

const ofInstances = ({ instances, stale }: Seen): ReadonlyArray<GaugeSample> => [
  plain(seen.instances, instances.length),
  plain(seen.instancesSilent, silentOf(instances)),
  plain(seen.instancesDraining, instances.filter(({ draining }) => draining).length),
  ...peers.map((peer) => ({
    line: seen.peersAway,
    labels: { peer },
    value: flag(stale.some(({ what }) => what === peer))
  }))
]

const peers: ReadonlyArray<OverviewBody["stale"][number]["what"]> = ["postgres", "nats"]

const ofHandler = (handler: HandlerBody): ReadonlyArray<GaugeSample> => {
  const unowned = unownedOf(handler)
  const values: ReadonlyArray<readonly [MetricLine, number]> = [
    [seen.lag, handler.lag],
    [seen.lagOldest, seconds(handler.oldestMs)],
    [seen.drain, handler.drainSeconds ?? Number.POSITIVE_INFINITY],
    [seen.inHand, handler.inHand],
    [seen.parkedKeys, handler.parkedKeys],
    [seen.parkedEvents, handler.parkedEvents],
    [seen.retryingKeys, handler.retryingKeys],
    [seen.violations, handler.violations],
    [seen.leasesOwned, handler.partitions.states.length - unowned],
    [seen.leasesUnowned, unowned],
    [seen.leaseEpochs, handler.epochs],
    [seen.paused, flag(handler.paused !== null)],
    [seen.resting, flag(handler.resting !== null)],
    [seen.throttle, handler.throttledPerSecond ?? Number.POSITIVE_INFINITY]
  ]
  return values.map(([line, value]) => ({ line, labels: { handler: handler.name }, value }))
}
