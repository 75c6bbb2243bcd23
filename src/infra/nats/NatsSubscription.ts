import {
  AckPolicy,
  type Consumer,
  type ConsumerMessages,
  DeliverPolicy,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg
} from "@nats-io/jetstream"
import { nanos } from "@nats-io/transport-node"
import { Cause, Effect, Predicate, Queue, type Scope, Stream } from "effect"
import type { StoredEvent } from "../../pipeline/Envelope.ts"
import type { LogDeclaration, ReadFrom, Subscription } from "../../pipeline/EventLog.ts"
import { BrokerUnavailable, DeliveryInterrupted } from "../../pipeline/PipelineError.ts"
import { windowEventsMax } from "../../pipeline/PartitionWorker.ts"
import { headerBlockOf, headersIn } from "./HeaderBlock.ts"
import { foreignEvent, partitionSubject, readHeaders } from "./Message.ts"
import { call } from "./natsFailure.ts"
import type { NatsConnection } from "./NatsConnection.ts"

/** What a subscription needs of the connection. */
export interface NatsHandles {
  readonly nats: NatsConnection["Service"]
  readonly jetstream: JetStreamClient
  readonly manager: JetStreamManager
}

/** Consumers nobody pulls from vanish after this. */
const inactiveMs = 30_000

// Recovery never relies on redelivery (an owner that dies is replaced by a new epoch's consumer), so what is in hand may
// take as long as its retries do without coming twice.
const ackWaitMs = 3_600_000

/**
 * Opens one partition for one owner: a memory consumer of its own, named after handler, partition, epoch and
 * generation, that starts behind the cursor.
 *
 * Delivery semantics: stream order, checked on the consumer's own count: one message too few, a silent server, a
 * vanished consumer or a reconnect end the subscription with a typed failure. At most 1,000 events are unacknowledged, or
 * as many as 4 MB hold.
 */
export const openSubscription = Effect.fnUntraced(function* (
  handles: NatsHandles,
  declaration: LogDeclaration,
  streamName: string,
  from: ReadFrom
): Effect.fn.Return<Subscription, Effect.Error<ReturnType<typeof call>>, Scope.Scope> {
  const name = `${declaration.name}-${from.handler}-p${from.partition}-e${from.epoch}-g${from.generation}`
  const queue = yield* Queue.unbounded<StoredEvent, DeliveryInterrupted | BrokerUnavailable | Cause.Done>()
  const inHand = new Map<number, string>()
  const window = yield* eventsWithin(handles, streamName, windowBytesMax, windowEventsMax)
  yield* Effect.acquireRelease(createConsumer(handles, declaration, streamName, name, from, window), () =>
    deleteConsumer(handles, streamName, name)
  )
  const consumer = yield* call("open a consumer", () => handles.jetstream.consumers.get(streamName, name))
  const interrupt = (reason: string) =>
    Queue.failCauseUnsafe(queue, Cause.fail(new DeliveryInterrupted({ partition: from.partition, reason })))
  const stopListening = handles.nats.onInterruption(interrupt)
  yield* Effect.addFinalizer(() => Effect.sync(stopListening))
  const receive = makeReceiver(from.afterSeq, interrupt, (message) => {
    inHand.set(message.seq, replyOf(message))
    Queue.offerUnsafe(queue, storedOf(message))
  })
  const messages = yield* Effect.acquireRelease(consume(consumer, receive, window), (open) =>
    Effect.sync(() => open.stop())
  )
  yield* Effect.forkScoped(watch(messages, interrupt))
  return {
    events: Stream.fromQueue(queue),
    acknowledge: yield* makeAcknowledge(handles.nats.connection, inHand, window / 2)
  }
})

/**
 * What one partition's events in hand may come to, if they are as large as the stream's are on average. A thousand of 64 KB
 * for each of 16 partitions were a gigabyte, and the server cut the connection that did not keep up with it.
 */
const windowBytesMax = 4_194_304

/** However large they are. */
const windowEventsMin = 8

/** Events that so many bytes hold, by the average of the stream as it is now: an empty one says nothing of what will come. */
export const eventsWithin = Effect.fnUntraced(function* (
  { manager }: NatsHandles,
  streamName: string,
  bytesMax: number,
  eventsMax: number
) {
  const { state } = yield* call("look at a stream", () => manager.streams.info(streamName))
  const average = state.bytes / Math.max(1, state.messages)
  return Math.min(eventsMax, Math.max(windowEventsMin, Math.floor(bytesMax / Math.max(1, average))))
})

/** How long it may stay untold otherwise. */
const quietMax = "250 millis"

// The broker is only told so that it delivers more: at once when half of what it delivers ahead is in hand. Once per commit
// and partition was thousands of messages a second.
const makeAcknowledge = Effect.fnUntraced(function* (
  connection: Connection,
  inHand: Map<number, string>,
  inHandQuietMax: number
) {
  const scope = yield* Effect.scope
  const done = { seq: 0, waiting: false }
  const tell = Effect.sync(() => {
    done.waiting = false
    acknowledgeUpTo(connection, inHand, done.seq)
  })
  return Effect.fnUntraced(function* (seq: number) {
    done.seq = seq
    if (inHand.size >= inHandQuietMax) return yield* tell
    if (done.waiting) return
    done.waiting = true
    yield* Effect.sleep(quietMax).pipe(Effect.andThen(tell), Effect.forkIn(scope))
  })
})

/** How long a pull waits for events before it is renewed. */
const pullMs = 15_000

/**
 * How often a server that has nothing to deliver says so; two missing ones end the subscription. A second was 7 % of a
 * core for 64 idle partitions; lost connections are noticed by pings, and deleted consumers at once, without it.
 */
const heartbeatMs = 3_000

const createConsumer = (
  handles: NatsHandles,
  declaration: LogDeclaration,
  streamName: string,
  name: string,
  from: ReadFrom,
  window: number
) =>
  call("create a consumer", () =>
    handles.manager.consumers.add(streamName, {
      name,
      filter_subject: partitionSubject(declaration, from.partition),
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: from.afterSeq + 1,
      ack_policy: AckPolicy.All,
      ack_wait: nanos(ackWaitMs),
      max_ack_pending: window,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: nanos(inactiveMs),
      metadata: { handler: from.handler, partition: String(from.partition), epoch: String(from.epoch) }
    })
  )

// Hygiene only: whoever reads on it cannot commit.
const deleteConsumer = (handles: NatsHandles, streamName: string, name: string) =>
  handles.nats.connection.isClosed()
    ? Effect.void
    : call("delete a consumer", () => handles.manager.consumers.delete(streamName, name)).pipe(
        Effect.timeout("500 millis"),
        Effect.ignore
      )

const consume = (consumer: Consumer, callback: (message: JsMsg) => void, window: number) =>
  call("consume", () =>
    consumer.consume({
      max_messages: window,
      expires: pullMs,
      idle_heartbeat: heartbeatMs,
      abort_on_missing_resource: true,
      callback
    })
  )

const makeReceiver = (afterSeq: number, interrupt: (reason: string) => void, take: (message: JsMsg) => void) => {
  let seen = afterSeq
  let delivered = 0
  return (message: JsMsg) => {
    if (message.info.deliverySequence !== delivered + 1) return interrupt("a delivery is missing")
    delivered += 1
    if (message.seq <= seen) return
    seen = message.seq
    take(message)
  }
}

const brokenBy: ReadonlySet<string> = new Set([
  "heartbeats_missed",
  "consumer_not_found",
  "consumer_deleted",
  "no_responders",
  "stream_not_found"
])

const watch = Effect.fnUntraced(function* (messages: ConsumerMessages, interrupt: (reason: string) => void) {
  const statuses = messages.status()[Symbol.asyncIterator]()
  const closed = Effect.promise(() => messages.closed()).pipe(Effect.map(() => interrupt("the consumer closed")))
  const broken = Effect.promise(() => statuses.next()).pipe(
    Effect.tap((next) =>
      Effect.sync(() => (next.done !== true && brokenBy.has(next.value.type) ? interrupt(next.value.type) : undefined))
    ),
    Effect.repeat({ until: (next) => next.done === true })
  )
  yield* Effect.all([closed, broken], { concurrency: "unbounded", discard: true })
})

/** The event in a message; one that is not ours becomes an impossible version of a key of its own. */
export const storedOf = (message: JsMsg): StoredEvent => {
  const ours = readHeaders(headersIn(headerBlockOf(message)))
  const type = message.subject.slice(message.subject.lastIndexOf(".") + 1)
  return { ...(ours ?? foreignEvent(message.seq)), seq: message.seq, type, payload: message.string() }
}

type Connection = NatsConnection["Service"]["connection"]

/**
 * Where an acknowledgement goes. It is all that is kept of a message until then: whole messages with their parsed headers
 * lived long enough to be moved by every garbage collection, which took a quarter of the machine.
 */
export const replyOf = (message: JsMsg): string =>
  Predicate.hasProperty(message, "reply") && Predicate.isString(message.reply) ? message.reply : ""

/** Acknowledges everything up to a sequence with one message; fire and forget, the cursor is in the store. */
const acknowledgeUpTo = (connection: Connection, inHand: Map<number, string>, seq: number) => {
  let last: string | undefined
  for (const [held, reply] of inHand) {
    if (held > seq) break
    last = reply
    inHand.delete(held)
  }
  if (last !== undefined && !connection.isClosed()) connection.publish(last, "+ACK")
}
