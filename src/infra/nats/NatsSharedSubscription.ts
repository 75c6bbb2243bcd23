import { AckPolicy, type Consumer, type ConsumerMessages, DeliverPolicy, type JsMsg } from "@nats-io/jetstream"
import { nanos } from "@nats-io/transport-node"
import { Cause, Duration, Effect, Fiber, Queue, type Scope, Stream } from "effect"
import type { StoredEvent } from "../../pipeline/Envelope.ts"
import {
  type LogDeclaration,
  type SharedDelivery,
  type SharedFrom,
  type SharedSubscription,
  sharedInHandMax
} from "../../pipeline/EventLog.ts"
import { type BrokerRefused, BrokerUnavailable } from "../../pipeline/PipelineError.ts"
import { isMark } from "./Message.ts"
import { call } from "./natsFailure.ts"
import { eventsWithin, type NatsHandles, replyOf, storedOf } from "./NatsSubscription.ts"

/** What is in hand may come to so much, by the average of the stream. */
const inHandBytesMax = 33_554_432

/** A consumer nobody pulls from vanishes after this; whoever comes next makes it anew behind the floor. */
const inactiveMs = 3_600_000

/** How long a pull waits for events before it is renewed, and how often a server that has none says so. */
const pullMs = 15_000
const heartbeatMs = 3_000

/** Part of the ack wait in which a sign of life has to be answered. */
const heardWithin = 0.25

/** Pause after a pull that failed. */
const pullAgainAfter = "250 millis"

/** How long the last pull may take to fill, when no other follows. */
const lastPullMax = "300 millis"

type Failure = BrokerRefused | BrokerUnavailable

/**
 * Takes part in a handler's shared consumer: durable, named after handler and generation, with explicit acknowledgement.
 *
 * Delivery semantics: at least once, in no order. So many events are pulled as there is room for, by one pull at a time:
 * what is prefetched here is kept from the others. A pull that breaks off is made again, and what is in hand stays; only a
 * consumer that is gone ends the subscription.
 */
export const openShared = Effect.fnUntraced(function* (
  handles: NatsHandles,
  declaration: LogDeclaration,
  streamName: string,
  from: SharedFrom
): Effect.fn.Return<SharedSubscription, Failure, Scope.Scope> {
  const name = nameOf(declaration, from.handler, from.generation)
  const { connection } = handles.nats
  yield* ensureConsumer(handles, streamName, name, from)
  for (const other of [from.generation - 1, from.generation + 1].filter((one) => one >= 0))
    yield* forgetConsumer(handles, streamName, nameOf(declaration, from.handler, other))
  const consumer = yield* call("open a consumer", () => handles.jetstream.consumers.get(streamName, name))
  const queue = yield* Queue.unbounded<SharedDelivery, BrokerUnavailable | Cause.Done>()
  const inHand = new Map<number, InHand>()
  const inHandMax = yield* eventsWithin(handles, streamName, inHandBytesMax, from.inHandMax)
  const pulling = yield* makePulling(handles, consumer, { streamName, name, inHandMax, inHand, queue })

  const answer = (deliveries: ReadonlyArray<SharedDelivery>, word: string) =>
    Effect.sync(() => {
      for (const { stored } of deliveries) {
        const held = inHand.get(stored.seq)
        // The broker may have lost this one, and given its sequence to another.
        if (held?.event !== identityOf(stored)) continue
        inHand.delete(stored.seq)
        if (!connection.isClosed()) connection.publish(held.reply, word)
      }
      pulling.roomMade()
    })
  const look = call("look at a consumer", () => handles.manager.consumers.info(streamName, name))
  return {
    events: Stream.fromQueue(queue),
    finish: pulling.finish,
    acknowledge: (deliveries) => answer(deliveries, "+ACK"),
    giveBack: (deliveries) => answer(deliveries, "-NAK"),
    // What was written in front of a flush that is answered was heard.
    inProgress: Effect.suspend(() => {
      if (connection.isClosed()) return Effect.sync(pulling.doubt)
      for (const { reply } of inHand.values()) connection.publish(reply, "+WPI")
      return Effect.tryPromise(() => connection.flush()).pipe(
        Effect.timeout(Duration.times(from.ackWait, heardWithin)),
        Effect.catch(() => Effect.sync(pulling.doubt))
      )
    }),
    doubts: pulling.doubts,
    position: Effect.map(look, ({ ack_floor, delivered }) => ({
      floor: ack_floor.stream_seq,
      delivered: delivered.stream_seq
    })),
    forget: Effect.asVoid(call("delete a consumer", () => handles.manager.consumers.delete(streamName, name)))
  }
})

/** An event in hand, and where it is answered. */
interface InHand {
  readonly event: string
  readonly reply: string
}

const identityOf = ({ eventId, version }: StoredEvent) => `${eventId} ${version}`

const nameOf = ({ name }: LogDeclaration, handler: string, generation: number) => `${name}-${handler}-r${generation}`

// Whoever comes second finds the one of the first, wherever that one begins: it is the same floor or an earlier one.
const ensureConsumer = (handles: NatsHandles, streamName: string, name: string, from: SharedFrom) => {
  const ackWait = nanos(Duration.toMillis(from.ackWait))
  const look = call("look at a consumer", () => handles.manager.consumers.info(streamName, name)).pipe(
    Effect.tap(({ config }) =>
      config.ack_wait === ackWait
        ? Effect.void
        : call("change a consumer", () => handles.manager.consumers.update(streamName, name, { ack_wait: ackWait }))
    )
  )
  const make = call("create a consumer", () =>
    handles.manager.consumers.add(streamName, {
      name,
      durable_name: name,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: from.afterSeq + 1,
      ack_policy: AckPolicy.Explicit,
      ack_wait: ackWait,
      max_ack_pending: sharedInHandMax,
      inactive_threshold: nanos(inactiveMs),
      metadata: { handler: from.handler, generation: String(from.generation) }
    })
  )
  return look.pipe(
    Effect.catchIf(isGone, () => Effect.catchTag(make, "BrokerRefused", () => look)),
    Effect.asVoid
  )
}

// Hygiene only: nobody acts on its floor any more.
const forgetConsumer = (handles: NatsHandles, streamName: string, name: string) =>
  Effect.ignore(call("delete a consumer", () => handles.manager.consumers.delete(streamName, name)))

const consumerMissing = 10014
const streamMissing = 10059

const isGone = (error: Failure) =>
  error._tag === "BrokerRefused" && (error.code === consumerMissing || error.code === streamMissing)

interface Hand {
  readonly streamName: string
  readonly name: string
  readonly inHandMax: number
  readonly inHand: Map<number, InHand>
  readonly queue: Queue.Queue<SharedDelivery, BrokerUnavailable | Cause.Done>
}

interface State {
  open: ConsumerMessages | undefined
  ending: boolean
  doubts: number
}

/** Why a pull failed does not matter: whether there is anything left to pull from does. */
const isThere = (handles: NatsHandles, { name, queue, streamName }: Hand) => {
  const detail = `the shared consumer ${name} is gone`
  const gone = Effect.suspend(() =>
    Queue.failCause(queue, Cause.fail(new BrokerUnavailable({ operation: "pull", detail })))
  )
  return call("look at a consumer", () => handles.manager.consumers.info(streamName, name)).pipe(
    Effect.as(true),
    Effect.catchIf(isGone, () => Effect.as(gone, false)),
    Effect.orElseSucceed(() => true)
  )
}

/** One pull after the other, each for as many events as there is room for. */
const makePulling = Effect.fnUntraced(function* (handles: NatsHandles, consumer: Consumer, hand: Hand) {
  const { inHand, inHandMax, queue } = hand
  const room = yield* Queue.sliding<void>(1)
  const state: State = { open: undefined, ending: false, doubts: 0 }
  const stop = () => void state.open?.stop()

  const take = (message: JsMsg) => {
    if (isMark(message.subject)) return message.ack()
    const stored = storedOf(message)
    const event = identityOf(stored)
    // One that is in hand already came again: it is answered by its newest address. A sequence may have come to another
    // event meanwhile: that one is new.
    const isNew = inHand.get(message.seq)?.event !== event
    inHand.set(message.seq, { event, reply: replyOf(message) })
    if (isNew) Queue.offerUnsafe(queue, { stored, deliveries: message.info.deliveryCount })
  }
  const pull = call("pull", async () => {
    state.open = await consumer.fetch({
      max_messages: inHandMax - inHand.size,
      expires: pullMs,
      idle_heartbeat: heartbeatMs
    })
    for await (const message of state.open) take(message)
  })
  const hasRoom = () => inHand.size * 2 <= inHandMax
  const roomy = Effect.suspend(() => (hasRoom() ? Effect.void : Queue.take(room))).pipe(
    Effect.repeat({ until: hasRoom })
  )
  const again = Effect.andThen(Effect.sleep(pullAgainAfter), isThere(handles, hand))
  const turn = Effect.andThen(
    roomy,
    Effect.catch(Effect.as(pull, true), () => again)
  )
  const loop = Effect.repeat(turn, { while: (more) => more && !state.ending && !handles.nats.connection.isClosed() })
  yield* Effect.addFinalizer(() => Effect.sync(stop))
  // Pulls do not survive the connection they were made on.
  const stopListening = handles.nats.onInterruption(() => {
    state.doubts += 1
    stop()
  })
  yield* Effect.addFinalizer(() => Effect.sync(stopListening))
  const fiber = yield* Effect.forkScoped(loop)
  return {
    roomMade: () => void Queue.offerUnsafe(room, undefined),
    doubts: () => state.doubts,
    doubt: () => void (state.doubts += 1),
    finish: Effect.gen(function* () {
      state.ending = true
      yield* Effect.timeoutOption(Fiber.await(fiber), lastPullMax)
      stop()
      // It may be waiting for room, which what is given back would make.
      yield* Fiber.interrupt(fiber)
    })
  }
})
