import { Duration, Effect, Fiber, Latch, Queue, Schedule, type Scope, Stream } from "effect"
import { makeFloorKeeper, floorEvery } from "./BalancedFloor.ts"
import { BalancedHand, type Held, type Source } from "./BalancedHand.ts"
import { makeBalancedExternal } from "./BalancedExternal.ts"
import { makeBalancedTransactional } from "./BalancedTransactional.ts"
import { type BalancedContext, type BalancedRunner, makeBalancedSteps, workOff } from "./BalancedContext.ts"
import { batchEventsMax } from "./BatchCommit.ts"
import { EventLedger } from "./EventLedger.ts"
import { EventLog, type SharedDelivery } from "./EventLog.ts"
import type { Handler } from "./Handler.ts"
import { keepGoing } from "./keepGoing.ts"
import type { Claim } from "./Ownership.ts"
import type { HandlerUnit, WorkerOptions } from "./PartitionOpening.ts"
import { type BrokerRefused, BrokerUnavailable, type StoreUnavailable } from "./PipelineError.ts"
import { signal } from "./Signals.ts"

/** What a balanced handler of this instance learns from its heartbeat. */
export interface BalancedOptions extends WorkerOptions {
  readonly transactionsMax: number
  readonly drainMax: Duration.Duration
  readonly ackWait: Duration.Duration
  /** The handler's partitions that this instance owns, as they were opened. */
  readonly claims: () => ReadonlyArray<Claim>
  /** How often the stream was turned back; undefined before the first beat. */
  readonly rewinds: () => number | undefined
}

/** Events in hand of one instance: enough that it never waits, few enough that the others have work too. */
export const inHandOf = ({ keysAtOnceMax, mode }: Handler): number =>
  mode === "transactional" ? 2 * batchEventsMax : Math.min(1_000, Math.max(100, 4 * keysAtOnceMax))

/** How often the broker is told in an ack wait that what is in hand is worked on, before it would give it to others. */
const signsOfLife = 3

/** How often is looked whether the stream was turned back, and whether what is in hand is done. */
const lookEvery = Duration.millis(500)
const drainedLookEvery = Duration.millis(10)

/** Pauses between two openings of a shared consumer that breaks off. */
const reopenSchedule = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("2 seconds")]).pipe(
  Schedule.jittered
)

/**
 * This instance's part in a balanced handler: takes events from the shared consumer and handles them, for as long as the
 * scope lasts. Returns how to end it: finishes what is in hand, commits, and gives back what was not begun.
 *
 * Delivery semantics: each event goes to one instance; one that is not heard of for the ack wait loses it to another, and the
 * ledger lets only one of the two commit. What breaks off (broker, store) is opened again; what is in hand stays.
 */
export const makeBalancedWorker = Effect.fnUntraced(function* <E>(options: BalancedOptions, unit: HandlerUnit<E>) {
  const { declaration, instance, parking } = options
  const stream = declaration.name
  const { handler } = unit
  const hand = new BalancedHand(handler, declaration)
  const draining = yield* Latch.make(false)
  const context: BalancedContext<E> = { stream, instance, unit, hand, parking, draining }
  const runner = yield* makeRunner(context, options.transactionsMax)
  const open: { source: Source | undefined; ending: boolean } = { source: undefined, ending: false }
  const arrived = yield* Queue.unbounded<Held>()
  const { left } = yield* makeBalancedSteps(context)
  // Outside of what is opened anew: what was taken in is asked about, whatever becomes of where it came from.
  const asking = workOff(hand, arrived, {
    where: `balanced ${handler.name}`,
    eventsMax: inHandOf(handler),
    lingerMs: () => 0,
    work: (some) => Effect.map(left(some), runner.offer)
  })
  const once = openOnce(options, context, arrived, (source) => (open.source = source))
  const say = (error: { readonly message: string }) =>
    signal({ _tag: "DeliveriesInterrupted", handler: handler.name, detail: error.message })
  const receiving = Effect.suspend(() => (open.ending ? Effect.never : Effect.scoped(once))).pipe(
    Effect.tapError(say),
    Effect.retry(reopenSchedule)
  )
  const fiber = yield* Effect.forkScoped(
    Effect.raceAllFirst([keepGoing(`balanced ${handler.name}`, receiving), asking, runner.work])
  )
  const settled = Effect.sleep(drainedLookEvery).pipe(Effect.repeat({ until: () => hand.busy === 0 }))
  return {
    drain: Effect.gen(function* () {
      open.ending = true
      if (open.source !== undefined) yield* open.source.subscription.finish
      yield* draining.open
      if (hand.busy > 0) yield* Effect.timeoutOption(settled, options.drainMax)
      yield* Fiber.interrupt(fiber)
      yield* hand.giveBack
    })
  }
})

const makeRunner = <E>(
  context: BalancedContext<E>,
  transactionsMax: number
): Effect.Effect<BalancedRunner, never, EventLedger | EventLog | Scope.Scope> =>
  context.unit.handler.mode === "transactional"
    ? makeBalancedTransactional(context, transactionsMax)
    : makeBalancedExternal(context)

/** From one opening of the shared consumer to the next. */
const openOnce = Effect.fnUntraced(function* <E>(
  { ackWait, claims, declaration, rewinds }: BalancedOptions,
  context: BalancedContext<E>,
  arrived: Queue.Queue<Held>,
  opened: (source: Source) => void
): Effect.fn.Return<never, BrokerRefused | BrokerUnavailable | StoreUnavailable, EventLedger | EventLog | Scope.Scope> {
  const log = yield* EventLog
  const { hand, stream, unit } = context
  const { handler } = unit
  const ledger = yield* EventLedger
  const moveFloor = yield* makeFloorKeeper(stream, handler.name, claims)
  const { afterSeq, generation } = yield* ledger.start(stream, handler.name)
  const from = { handler: handler.name, generation, afterSeq, inHandMax: inHandOf(handler), ackWait }
  const subscription = yield* log.share(declaration, from)
  const source: Source = { subscription, generation }
  opened(source)

  const accept = (deliveries: ReadonlyArray<SharedDelivery>) =>
    Effect.sync(() => void Queue.offerAllUnsafe(arrived, hand.take(deliveries, source)))
  const turnedBack = Effect.sleep(lookEvery).pipe(
    Effect.repeat({ until: () => (rewinds() ?? generation) !== generation }),
    Effect.andThen(Effect.fail(new BrokerUnavailable({ operation: "share", detail: "the stream was turned back" })))
  )
  const ended = new BrokerUnavailable({ operation: "share", detail: "the deliveries ended" })
  const inProgressEvery = Duration.toMillis(ackWait) / signsOfLife
  return yield* Effect.raceAllFirst([
    subscription.events.pipe(Stream.runForEachArray(accept), Effect.andThen(Effect.fail(ended))),
    Effect.forever(Effect.andThen(Effect.sleep(inProgressEvery), subscription.inProgress)),
    Effect.forever(Effect.andThen(Effect.sleep(floorEvery), moveFloor(source))),
    turnedBack
  ])
})
