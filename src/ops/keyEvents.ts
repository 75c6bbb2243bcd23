import { Effect } from "effect"
import { appendedAtMsOf } from "../pipeline/EventTime.ts"
import { EventLog, type LogDeclaration } from "../pipeline/EventLog.ts"
import { partitionOf, slotOf, type Topology } from "../pipeline/Partition.ts"
import { PipelineView } from "../pipeline/PipelineView.ts"
import { type SeenEvent, StreamView } from "../pipeline/StreamView.ts"
import type { EventBody, TailEventBody } from "./TraceApi.ts"
import { traceEventsMax } from "./TraceApi.ts"

/** Events of one partition that are looked through for a key, the newest. */
export const searchedEventsMax = 50_000

/** Payloads that are fetched at the same time. */
const fetchedAtOnceMax = 16

/**
 * The newest events of a key in the stream, oldest first, with their payloads. There is no index by key: the newest
 * events of its partition are looked through by their headers.
 */
export const eventsOfKey = Effect.fnUntraced(function* (
  declaration: LogDeclaration,
  topologies: ReadonlyArray<Topology>,
  key: string
) {
  const stream = yield* StreamView
  const own: Array<SeenEvent> = []
  for (const topology of topologies.slice(-searchedTopologiesMax).reverse()) {
    const before = yield* eventsIn(declaration, partitionOf(slotOf(key), topology))
    own.unshift(...before.filter((event) => event.key === key))
    if (own.length >= traceEventsMax) break
  }
  const newest = own.slice(-traceEventsMax)
  return yield* Effect.forEach(
    newest,
    (event) => Effect.map(stream.at(declaration, event.seq), (whole) => whole ?? event),
    { concurrency: fetchedAtOnceMax }
  )
})

/** Of a stream whose partitions were changed, so many of the newest topologies are looked through. */
const searchedTopologiesMax = 3

/** What the stream is and was published to, oldest first. */
export const topologiesOf = Effect.fnUntraced(function* (declaration: LogDeclaration) {
  const marked = yield* (yield* EventLog).marked(declaration)
  if (marked.length > 0) return marked
  const { facts } = yield* PipelineView
  const { first, partitions } = yield* facts(declaration.name, 1)
  return [{ first, partitions: partitions > 0 ? partitions : declaration.partitions }]
})

const eventsIn = Effect.fnUntraced(function* (declaration: LogDeclaration, partition: number) {
  const stream = yield* StreamView
  const { firstSeq, lastSeq } = yield* stream.stats(declaration.name)
  const from = yield* searchFrom(declaration, partition, firstSeq, lastSeq)
  return yield* stream.read(declaration, { fromSeq: from, partition, eventsMax: searchedEventsMax, payloads: false })
})

/** How often is asked where they begin, at most. */
const searchStepsMax = 20

/** Where the last so many of a partition begin, about: nearer, as long as there are more, or the newest would be left out. */
const searchFrom = Effect.fnUntraced(function* (
  declaration: LogDeclaration,
  partition: number,
  firstSeq: number,
  lastSeq: number
) {
  const stream = yield* StreamView
  let from = firstSeq
  for (let step = 0; step < searchStepsMax; step++) {
    const { events } = yield* stream.behind(declaration, partition, from - 1)
    if (events <= searchedEventsMax) break
    from = Math.max(from + 1, Math.floor(lastSeq - ((lastSeq - from) * 0.9 * searchedEventsMax) / events))
  }
  return from
})

/** An event without its payload. */
export const tailBody = (event: SeenEvent): TailEventBody => ({
  seq: event.seq,
  storedAtMs: event.storedAtMs,
  partition: event.partition,
  type: event.type,
  key: event.key,
  version: event.version,
  eventId: event.eventId,
  traceparent: event.traceparent,
  payloadBytes: event.payloadBytes
})

/** An event whole, with its payload as it may be shown. */
export const eventBody = (event: SeenEvent, payload: string): EventBody => ({
  ...tailBody(event),
  appendedAtMs: appendedAtMsOf(event.eventId),
  headers: {
    "Nats-Msg-Id": event.eventId,
    "Millrace-Outbox-Id": String(event.outboxId),
    "Millrace-Key": encodeURIComponent(event.key),
    "Millrace-Version": String(event.version),
    traceparent: event.traceparent
  },
  payload
})
