import { type Cause, Duration, Effect, type Latch, Option, Queue, Schedule } from "effect"
import { failedSignal } from "./AsideAttempt.ts"
import { asideDoorbell } from "./AsideWatch.ts"
import { failureOf, reasonFor, retrySteps } from "./Attempt.ts"
import type { BalancedHand, Held } from "./BalancedHand.ts"
import { EventLedger } from "./EventLedger.ts"
import { EventLog } from "./EventLog.ts"
import { keepGoing } from "./keepGoing.ts"
import { linger } from "./Linger.ts"
import type { HandlerUnit, ParkingNews } from "./PartitionOpening.ts"
import type { StoreUnavailable } from "./PipelineError.ts"
import { sayHandled } from "./sayHandled.ts"
import { signal } from "./Signals.ts"

/** What a balanced handler's runner works with, in one instance. */
export interface BalancedContext<E> {
  readonly stream: string
  /** The process that runs it, as it is named in the history of failed attempts. */
  readonly instance: string
  readonly unit: HandlerUnit<E>
  readonly hand: BalancedHand
  readonly parking: ParkingNews
  /** Opened when what is in hand is to be finished, and nothing else to be begun. */
  readonly draining: Latch.Latch
}

/** Handles what is in hand, one way or the other. */
export interface BalancedRunner {
  /** What was taken in, and may be handled already. */
  readonly offer: (some: ReadonlyArray<Held>) => void
  readonly work: Effect.Effect<never>
}

/** Events put aside in one commit, at most: each brings its payload. */
export const parkedTogetherMax = 20

/** Pauses between two questions to a store that does not answer. */
const askAgain = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("2 seconds")]).pipe(Schedule.jittered)

/** Asks until the store answers: what is in hand stays in hand meanwhile. */
export const untilAnswered = <A, R>(ask: Effect.Effect<A, StoreUnavailable, R>): Effect.Effect<A, never, R> =>
  Effect.orDie(Effect.retry(ask, askAgain))

/** Until an attempt that did not count is made again; the gate says when it really is. */
export const soon = Duration.millis(200)

/** How one of a runner's queues is worked off. */
interface Turn {
  readonly where: string
  readonly eventsMax: () => number
  /** How long the first of some waits for others, in milliseconds. */
  readonly lingerMs: () => number
  readonly work: (some: ReadonlyArray<Held>) => Effect.Effect<void>
}

/**
 * Works a queue off for ever, some at a time. What a bug breaks off goes back into the queue: it is in hand, kept alive
 * at the broker, and would never come again by itself.
 */
export const workOff = (hand: BalancedHand, queue: Queue.Queue<Held>, { eventsMax, lingerMs, where, work }: Turn) =>
  keepGoing(
    where,
    Effect.gen(function* () {
      yield* Queue.peek(queue)
      yield* linger(queue, lingerMs, eventsMax())
      const some = yield* Queue.takeBetween(queue, 1, eventsMax())
      yield* Effect.tapDefect(work(some), () => Effect.sync(() => Queue.offerAllUnsafe(queue, hand.held(some))))
    })
  )

/**
 * They are done, and the broker is told so: by sequence, whichever event is there by now. What is in doubt loses its place
 * in the ledger first, whoever entered it: a doubt may have come behind the plan of an entry and before it was durable.
 * Who ends in between has acknowledged nothing.
 */
const makeAcknowledge = <E>({ hand, stream, unit }: BalancedContext<E>, ledger: EventLedger["Service"]) =>
  Effect.fnUntraced(function* (some: ReadonlyArray<Held>) {
    const events = some.map(({ stored }) => stored)
    if (some.some((held) => hand.isDoubted(held))) yield* untilAnswered(ledger.doubt(stream, unit.handler.name, events))
    yield* hand.done(some)
  })

/** What is common to both kinds of runner. */
export const makeBalancedSteps = Effect.fnUntraced(function* <E>(context: BalancedContext<E>) {
  const ledger = yield* EventLedger
  const log = yield* EventLog
  const { hand, instance, parking, stream, unit } = context
  const { handler } = unit
  const acknowledge = makeAcknowledge(context, ledger)

  /** Those that nobody has handled. The others are done. */
  const left = Effect.fnUntraced(function* (some: ReadonlyArray<Held>) {
    const { doubts } = hand
    const done = yield* untilAnswered(
      ledger.isDone(
        stream,
        handler.name,
        some.map(({ stored }) => stored)
      )
    )
    yield* acknowledge(some.filter((_, i) => done[i] === true))
    for (const held of some) held.askedAt = doubts
    return some.filter((_, i) => done[i] !== true)
  })

  /** An attempt has failed: the event is put aside, for its next one or for somebody. */
  const putAside = Effect.fnUntraced(function* (held: Held, cause: Cause.Cause<unknown>) {
    const failure = yield* failureOf(handler.retry, cause, 1, instance)
    const { failed } = failure
    const delay =
      failure.class === "poison"
        ? Option.none()
        : yield* retrySteps(handler.retry)(failed.tag, failure.error, failed.atMs)
    const retryInMs = Option.getOrUndefined(Option.map(delay, Duration.toMillis))
    held.action = { _tag: "park", reason: reasonFor(failure, [failed], retryInMs) }
    if (retryInMs !== undefined)
      yield* signal(failedSignal({ handler: handler.name, partition: held.partition }, held.stored, failure, retryInMs))
  })

  /** Others may have got it meanwhile: then the ledger is asked again. True: nobody has handled it. */
  const isStillLeft = (held: Held) =>
    held.askedAt === hand.doubts ? Effect.succeed(true) : Effect.map(left([held]), (some) => some.length > 0)

  /** What follows a commit. */
  const committed = Effect.fnUntraced(function* (some: ReadonlyArray<Held>, beganMs: number) {
    yield* acknowledge(some)
    const handled = some.flatMap(({ action, stored }) => (action._tag === "run" ? [stored] : []))
    yield* sayHandled(handler.name, undefined, handled, beganMs)
    const parked = some.flatMap(({ action, partition, stored }) =>
      action._tag === "park" ? [{ ...action, stored, partition }] : []
    )
    if (parked.length === 0) return
    parking.changed = true
    for (const { partition, reason, stored } of parked) {
      const { key, version } = stored
      if (reason.retryInMs === undefined)
        yield* signal({ _tag: "EventParked", handler: handler.name, partition, key, version, reason })
    }
    if (parked.some(({ reason }) => reason.retryInMs === 0)) yield* log.ring(asideDoorbell(stream))
  })

  return { ledger, left, isStillLeft, putAside, committed }
})
