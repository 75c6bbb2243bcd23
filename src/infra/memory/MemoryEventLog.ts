import { Cause, Clock, Context, Duration, Effect, Layer, PubSub, Queue, type Scope, Stream } from "effect"
import type { OutboxRow, StoredEvent } from "../../pipeline/Envelope.ts"
import { MemoryBroker } from "./MemoryBroker.ts"
import { MemorySharedConsumer } from "./MemorySharedConsumer.ts"
import {
  EventLog,
  type LogDeclaration,
  type ReadFrom,
  type SharedDelivery,
  type SharedFrom,
  type SharedSubscription
} from "../../pipeline/EventLog.ts"
import { partitionOf, partitionsIn, type Topology } from "../../pipeline/Partition.ts"
import { BrokerRefused, BrokerUnavailable, DeliveryInterrupted, StreamMismatch } from "../../pipeline/PipelineError.ts"
import { type SeenEvent, StreamView } from "../../pipeline/StreamView.ts"

interface Message extends StoredEvent {
  /** `ofNone`: a mark, with what it says. */
  readonly partition: number
  readonly topologies?: ReadonlyArray<Topology>
  readonly storedAtMs: number
}

interface Subscriber {
  readonly from: ReadFrom
  readonly queue: Queue.Queue<StoredEvent, DeliveryInterrupted | BrokerUnavailable | Cause.Done>
}

interface Log {
  /** As first declared; undefined before. */
  subject: string | undefined
  readonly messages: Array<Message>
  readonly eventIds: Map<string, number>
  readonly subscribers: Set<Subscriber>
  /** By handler and generation. */
  readonly shared: Map<string, MemorySharedConsumer>
}

/** The partition of what no reader gets to see. */
const ofNone = -1

/** The largest message, like a server's default. */
const messageMaxBytes = 1_048_576

/** What the headers of a message take of it, about. */
const headersBytes = 500

const wrongLastSequence = 10071
const duplicateInBatch = 10201

/** The log in memory, with the broker's own rules: the fence, message ids, and its refusals by their codes. */
export const layer: Layer.Layer<EventLog | MemoryBroker | StreamView> = Layer.effectContext(
  Effect.gen(function* () {
    const logs = new Map<string, Log>()
    const doorbells = yield* PubSub.sliding<string>(64)

    const logOf = (name: string) => {
      const log = logs.get(name) ?? emptyLog()
      logs.set(name, log)
      return log
    }

    const publish = (declaration: LogDeclaration, rows: ReadonlyArray<OutboxRow>, expectedLastSeq: number) =>
      Effect.flatMap(Clock.currentTimeMillis, (nowMs) => {
        const log = logOf(declaration.name)
        const lastSeq = log.messages.length
        if (lastSeq !== expectedLastSeq) return refuse(wrongLastSequence, `wrong last sequence: ${lastSeq}`)
        const known = rows.map((row) => log.eventIds.get(row.eventId)).find((seq) => seq !== undefined)
        if (new Set(rows.map((row) => row.eventId)).size < rows.length)
          return refuse(duplicateInBatch, "duplicate message id in batch")
        if (rows.some((row) => sizeOf(row) + headersBytes > messageMaxBytes))
          return refuse(messageTooLarge, "message size exceeds maximum allowed")
        if (known !== undefined && rows.length > 1) return refuse(duplicateInBatch, "duplicate message id in batch")
        if (known !== undefined) return Effect.succeed({ seq: known, duplicate: true })
        for (const row of rows) store(log, declaration, row, nowMs)
        for (const consumer of log.shared.values()) consumer.serve(nowMs)
        return Effect.succeed({ seq: log.messages.length, duplicate: false })
      })

    const open = Effect.fnUntraced(function* (declaration: LogDeclaration, from: ReadFrom) {
      const log = logOf(declaration.name)
      const queue = yield* Queue.unbounded<StoredEvent, DeliveryInterrupted | BrokerUnavailable | Cause.Done>()
      const subscriber: Subscriber = { from, queue }
      for (const older of log.subscribers)
        if (isSamePartition(older, from)) cutOff(log, older, "a newer owner opened it")
      Queue.offerAllUnsafe(
        queue,
        log.messages.slice(from.afterSeq).filter((message) => message.partition === from.partition)
      )
      log.subscribers.add(subscriber)
      yield* Effect.addFinalizer(() => Effect.sync(() => log.subscribers.delete(subscriber)))
      return { events: Stream.fromQueue(queue), acknowledge: () => Effect.void }
    })

    const eventLog = EventLog.of({
      declare: (declaration) => Effect.suspend(() => declare(logOf(declaration.name), declaration)),
      info: (name) =>
        Effect.sync(() => ({ firstSeq: 1, lastSeq: logOf(name).messages.length, created: "memory", messageMaxBytes })),
      publish,
      refs: (name, afterSeq, toSeq) => Effect.sync(() => logOf(name).messages.slice(afterSeq, toSeq).filter(isEvent)),
      ...marksOf(logOf),
      open,
      share: (declaration, from) => takePart(logOf(declaration.name), from),
      ring: (doorbell) => PubSub.publish(doorbells, doorbell).pipe(Effect.asVoid),
      rings: (doorbell) =>
        Stream.fromPubSub(doorbells).pipe(
          Stream.filter((rung) => rung === doorbell),
          Stream.map(() => undefined)
        )
    })
    return Context.make(EventLog, eventLog).pipe(Context.merge(aroundOf(logOf)))
  })
)

/** Marks, and what they are about. */
const marksOf = (logOf: (name: string) => Log): Pick<EventLog["Service"], "mark" | "marked" | "ends"> => ({
  mark: (declaration, topologies, expectedLastSeq) =>
    Effect.flatMap(Clock.currentTimeMillis, (nowMs) => {
      const { messages, shared } = logOf(declaration.name)
      if (messages.length !== expectedLastSeq)
        return refuse(wrongLastSequence, `wrong last sequence: ${messages.length}`)
      messages.push({ ...aMark, topologies, seq: messages.length + 1, storedAtMs: nowMs })
      for (const consumer of shared.values()) consumer.serve(nowMs)
      return Effect.succeed(messages.length)
    }),
  marked: (declaration) =>
    Effect.sync(() => logOf(declaration.name).messages.findLast((one) => !isEvent(one))?.topologies ?? []),
  ends: (declaration, topology) =>
    Effect.sync(() => {
      const { messages } = logOf(declaration.name)
      const endOf = (partition: number) => messages.findLast((one) => one.partition === partition)?.seq ?? 0
      return { ...topology, ends: partitionsIn(topology).map(endOf) }
    })
})

const isEvent = ({ partition }: Message) => partition !== ofNone

const aMark = {
  partition: ofNone,
  eventId: "",
  key: "",
  version: 0,
  type: "",
  traceparent: "",
  payload: "",
  outboxId: 0
}

const emptyLog = (): Log => ({
  subject: undefined,
  messages: [],
  eventIds: new Map(),
  subscribers: new Set(),
  shared: new Map()
})

/** How often is looked for what was in hand for too long. */
const lookEvery = "1 second"

const takePart = Effect.fnUntraced(function* (
  log: Log,
  { ackWait, afterSeq, generation, handler, inHandMax }: SharedFrom
): Effect.fn.Return<SharedSubscription, never, Scope.Scope> {
  const at = `${handler} ${generation}`
  const consumer =
    log.shared.get(at) ??
    new MemorySharedConsumer(log.messages, afterSeq, (seq) => log.messages[seq - 1]?.partition === ofNone)
  log.shared.set(at, consumer)
  for (let older = generation - 1; log.shared.delete(`${handler} ${older}`);) older -= 1
  const queue = yield* Queue.unbounded<SharedDelivery, BrokerUnavailable | Cause.Done>()
  const self = { queue, inHand: new Set<number>(), inHandMax, ackWaitMs: Duration.toMillis(ackWait) }
  const now = (act: (nowMs: number) => void) => Effect.map(Clock.currentTimeMillis, act)
  yield* now((nowMs) => consumer.join(self, nowMs))
  yield* Effect.addFinalizer(() => Effect.sync(() => consumer.part(self)))
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.andThen(
        Effect.sleep(lookEvery),
        now((nowMs) => consumer.serve(nowMs))
      )
    )
  )
  return {
    events: Stream.fromQueue(queue),
    finish: Effect.sync(() => consumer.part(self)),
    acknowledge: (deliveries) => now((nowMs) => consumer.acknowledge(self, deliveries, nowMs)),
    giveBack: (deliveries) => now((nowMs) => consumer.giveBack(self, deliveries, nowMs)),
    inProgress: now((nowMs) => consumer.inProgress(self, nowMs)),
    doubts: () => 0,
    position: Effect.sync(() => ({ floor: consumer.floor, delivered: consumer.delivered })),
    forget: Effect.sync(() => {
      if (log.shared.get(at) === consumer) log.shared.delete(at)
      consumer.end()
    })
  }
})

const brokerOf = (logOf: (name: string) => Log): MemoryBroker["Service"] => ({
  messagesIn: (name) => logOf(name).messages.filter(isEvent).length,
  loseTail: (name, messages) =>
    Effect.sync(() => {
      const log = logOf(name)
      const lost = log.messages.splice(Math.max(0, log.messages.length - messages))
      for (const { eventId } of lost) log.eventIds.delete(eventId)
      for (const subscriber of log.subscribers) cutOff(log, subscriber, "the broker was restarted")
    })
})

const aroundOf = (logOf: (name: string) => Log) =>
  Context.make(MemoryBroker, brokerOf(logOf)).pipe(Context.add(StreamView, viewOf(logOf)))

const viewOf = (logOf: (name: string) => Log): StreamView["Service"] => {
  const seen = (message: Message, payloads = true): SeenEvent => ({
    ...message,
    payload: payloads ? message.payload : "",
    payloadBytes: sizeOf(message)
  })
  const above = (name: string, afterSeq: number, partition: number | undefined) =>
    logOf(name)
      .messages.slice(afterSeq)
      .filter((one) => (partition === undefined ? isEvent(one) : one.partition === partition))
  return {
    stats: (name) =>
      Effect.sync(() => {
        const { messages } = logOf(name)
        const bytes = messages.reduce((sum, message) => sum + sizeOf(message), 0)
        return { firstSeq: 1, lastSeq: messages.length, messages: messages.length, bytes, bytesMax: -1 }
      }),
    // Nobody's place is known here: what is not handled is told by the cursors.
    consumers: () => Effect.succeed([]),
    read: ({ name }, { eventsMax, fromSeq, partition, payloads }) =>
      Effect.sync(() =>
        above(name, Math.max(0, fromSeq - 1), partition)
          .slice(0, eventsMax)
          .map((message) => seen(message, payloads))
      ),
    at: ({ name }, seq) =>
      Effect.sync(() => {
        const message = logOf(name).messages[seq - 1]
        return message === undefined || !isEvent(message) ? undefined : seen(message)
      }),
    behind: ({ name }, partition, afterSeq) =>
      Effect.sync(() => {
        const events = above(name, afterSeq, partition)
        return { events: events.length, oldestStoredAtMs: events[0]?.storedAtMs }
      })
  }
}

const refuse = (code: number, detail: string) => Effect.fail(new BrokerRefused({ operation: "publish", code, detail }))

const store = (log: Log, declaration: LogDeclaration, row: OutboxRow, storedAtMs: number) => {
  const { id, slot, ...envelope } = row
  const partition = partitionOf(slot, declaration)
  const message: Message = { ...envelope, outboxId: id, seq: log.messages.length + 1, partition, storedAtMs }
  log.messages.push(message)
  log.eventIds.set(row.eventId, message.seq)
  for (const subscriber of log.subscribers) {
    if (subscriber.from.partition === partition && message.seq > subscriber.from.afterSeq)
      Queue.offerUnsafe(subscriber.queue, message)
  }
}

const declare = (log: Log, { name, subject }: LogDeclaration) => {
  log.subject ??= subject
  if (log.subject === subject) return Effect.void
  const difference = `subjects are ${log.subject}.partition.>, declared ${subject}.partition.>`
  return Effect.fail(new StreamMismatch({ stream: name, differences: [difference] }))
}

const sizeOf = (row: { readonly payload: string }) => encoder.encode(row.payload).length

const encoder = new TextEncoder()

const messageTooLarge = 10054

const isSamePartition = (subscriber: Subscriber, from: ReadFrom) =>
  subscriber.from.handler === from.handler && subscriber.from.partition === from.partition

const cutOff = (log: Log, { from, queue }: Subscriber, reason: string) => {
  for (const subscriber of log.subscribers) if (subscriber.queue === queue) log.subscribers.delete(subscriber)
  Queue.failCauseUnsafe(queue, Cause.fail(new DeliveryInterrupted({ partition: from.partition, reason })))
}
