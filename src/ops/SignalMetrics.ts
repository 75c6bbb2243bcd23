import { Clock, Context, Effect, Metric } from "effect"
import type { StoredEvent } from "../pipeline/Envelope.ts"
import { appendedAtMsOf } from "../pipeline/EventTime.ts"
import type { Signal } from "../pipeline/Signals.ts"
import { LatencyBuckets } from "./LatencyBuckets.ts"
import { counted, histogramBounds, measured, type MetricLine } from "./metricTable.ts"

/** Holds the registry of metrics. */
type Registry = Context.Context<never>

type Label = Readonly<Record<string, string>>

/**
 * Counts a signal. A batch costs a few updates of the registry, an event of it one place in an array.
 */
export const noteMetrics = (signal: Signal): Effect.Effect<void> =>
  Effect.flatMap(Effect.context<never>(), (registry) =>
    signal._tag === "BatchHandled"
      ? Effect.map(Clock.currentTimeMillis, (nowMs) => noteHandled(registry, signal, nowMs))
      : Effect.sync(() => note(registry, signal))
  )

/** Shows every counter of these handlers at 0: an increase from nothing is seen by nobody. */
export const beginMetrics = (handlers: ReadonlyArray<string>, peers: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.map(Effect.context<never>(), (registry) => {
    const valuesOf = { handler: handlers, peer: peers, version: [], environment: [] }
    for (const line of Object.values<MetricLine>(counted)) {
      const [label] = line.labels
      const labels = label === undefined ? [{}] : valuesOf[label].map((value) => ({ [label]: value }))
      for (const one of labels) count(registry, line, 0, one)
    }
    for (const handler of handlers) latencyOf(registry, handler)
  })

const noteHandled = (registry: Registry, signal: Extract<Signal, { _tag: "BatchHandled" }>, nowMs: number) => {
  const { events, handler, tookMs } = signal
  count(registry, counted.eventsHandled, events.length, { handler })
  count(registry, counted.handlerBatches, 1, { handler })
  observe(registry, measured.batchSeconds, tookMs / 1_000, { handler })
  addLatencies(latencyOf(registry, handler), events, nowMs)
}

const addLatencies = (buckets: LatencyBuckets, events: ReadonlyArray<StoredEvent>, nowMs: number) => {
  for (const { eventId } of events) {
    const appendedMs = appendedAtMsOf(eventId)
    // Two machines' clocks may differ.
    if (appendedMs > 0) buckets.add(Math.max(0, nowMs - appendedMs))
  }
}

type Others = Exclude<Signal, { _tag: "BatchHandled" }>

const note = (registry: Registry, signal: Others): void => {
  const add = (line: MetricLine, n = 1, label: Label = {}) => count(registry, line, n, label)
  if ("handler" in signal) return add(ofHandler[signal._tag], 1, { handler: signal.handler })
  switch (signal._tag) {
    case "BatchPublished":
      add(counted.eventsPublished, signal.events)
      observe(registry, measured.publishSeconds, signal.tookMs / 1_000)
      observe(registry, measured.publishEvents, signal.events)
      return add(counted.publishBatches)
    case "KeptRowsReturned":
      return add(counted.rowsReturned, signal.rows)
    case "PartitionsClaimed":
      return add(counted.leasesClaimed, signal.count)
    case "PartitionsReleased":
      return add(counted.leasesReleased, signal.count)
    case "OwnershipUnproven":
      return add(counted.leasesUnproven, signal.count)
    case "ConnectionLost":
      return add(counted.connectionsLost, 1, { peer: signal.peer })
    default:
      return plain[signal._tag]?.forEach((line) => add(line))
  }
}

type OfHandler = Extract<Others, { readonly handler: string }>["_tag"]

/** What is said of a handler is counted for it, once. */
const ofHandler: { readonly [Tag in OfHandler]: MetricLine } = {
  PartitionLost: counted.partitionsLost,
  PartitionInterrupted: counted.partitionsInterrupted,
  AttemptFailed: counted.attemptsFailed,
  KeyParked: counted.keysParked,
  EventParked: counted.eventsParked,
  KeyReturned: counted.keysReturned,
  OrderViolated: counted.orderViolated,
  HandlerMoved: counted.handlerMoves,
  DeliveriesInterrupted: counted.deliveriesInterrupted,
  LedgerBehind: counted.ledgerBehind,
  ConsumerAhead: counted.consumerAhead,
  HandlerPaused: counted.handlerRests,
  HandlerResumed: counted.handlerResumptions
}

type Counts =
  | "BatchPublished"
  | "KeptRowsReturned"
  | "PartitionsClaimed"
  | "PartitionsReleased"
  | "OwnershipUnproven"
  | "ConnectionLost"

/** What is counted once each; of what has ended, its beginning was counted. */
const plain: { readonly [Tag in Exclude<Others["_tag"], OfHandler | Counts>]: ReadonlyArray<MetricLine> } = {
  LeadershipTaken: [counted.leadershipsTaken],
  LeadershipLost: [counted.leadershipsLost],
  Reconciled: [counted.reconciliations],
  StreamShrank: [counted.streamShrank],
  Repartitioned: [counted.repartitions],
  PartitionsDiffer: [],
  KeyHeld: [counted.keysHeld],
  RelayFailed: [counted.relayFailures],
  BrokerOutOfReach: [counted.brokerLost],
  HeartbeatFailed: [counted.heartbeatFailures],
  DefectSurvived: [counted.defects],
  StreamDrifted: [counted.streamDrifts],
  RelayRecovered: [],
  BrokerInReach: [],
  HeartbeatRecovered: [],
  ConnectionRestored: []
}

/** Looking a metric up by its labels is cheaper than making it. There are as many as there are handlers. */
const cached = <A>(make: (line: MetricLine, attributes: Label) => A) => {
  const known = new Map<string, A>()
  return (line: MetricLine, label: Label): A => {
    const key = `${line.name} ${Object.values(label).join(" ")}`
    const found = known.get(key) ?? make(line, label)
    known.set(key, found)
    return found
  }
}

const counterOf = cached((line, attributes) =>
  Metric.counter(line.name, { description: line.help, attributes, incremental: true })
)

const histogramOf = cached((line, attributes) =>
  Metric.histogram(line.name, { description: line.help, attributes, boundaries: boundsOf(line) })
)

const boundsOf = ({ name }: MetricLine) =>
  name.endsWith("_seconds") ? histogramBounds.seconds : histogramBounds.events

const count = (registry: Registry, line: MetricLine, n: number, label: Label = {}) =>
  counterOf(line, label).updateUnsafe(n, registry)

const observe = (registry: Registry, line: MetricLine, value: number, label: Label = {}) =>
  histogramOf(line, label).updateUnsafe(value, registry)

/** An update of the registry's own histograms is too dear for each event, so these are counted beside it. */
const latencies = new WeakMap<Metric.MetricRegistry, Map<string, LatencyBuckets>>()

const latencyOf = (registry: Registry, handler: string): LatencyBuckets => {
  const metrics = Context.get(registry, Metric.MetricRegistry)
  const ofHandlers = latencies.get(metrics) ?? new Map<string, LatencyBuckets>()
  latencies.set(metrics, ofHandlers)
  const known = ofHandlers.get(handler)
  if (known !== undefined) return known
  const buckets = new LatencyBuckets(histogramBounds.seconds)
  ofHandlers.set(handler, buckets)
  const nothing = () => undefined
  Metric.registerUnsafe(histogramOf(measured.latency, { handler }), registry, {
    get: () => buckets.state,
    update: nothing,
    modify: nothing
  })
  return buckets
}
