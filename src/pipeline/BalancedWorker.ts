import { Clock, Duration, Effect, Fiber, Latch, Schedule, type Scope, Stream } from "effect"
import { makeFloorKeeper, floorEvery } from "./BalancedFloor.ts"
import { BalancedHand, type Source } from "./BalancedHand.ts"
import { makeBalancedExternal } from "./BalancedExternal.ts"
import { makeBalancedTransactional } from "./BalancedTransactional.ts"
import type { BalancedContext, BalancedRunner } from "./BalancedContext.ts"
import { batchEventsMax } from "./BatchCommit.ts"
import { EventLedger } from "./EventLedger.ts"
import { EventLog, type SharedDelivery } from "./EventLog.ts"
import type { Handler } from "./Handler.ts"
import { keepGoing } from "./keepGoing.ts"
import type { Claim } from "./Ownership.ts"
import type { Topology } from "./Partition.ts"
import type { HandlerUnit, WorkerOptions } from "./PartitionOpening.ts"
import { type BrokerRefused, BrokerUnavailable, type StoreUnavailable } from "./PipelineError.ts"
import { signal } from "./Signals.ts"

/** What a balanced handler of this instance learns from its heartbeat. */
export interface BalancedOptions extends WorkerOptions {
  readonly transactionsMax: number
  readonly drainMax: Duration.Duration
  readonly ackWait: Duration.Duration
  /** What is published to, by the last beat. */
  readonly topology: () => Topology
  /** The handler's first partition as it was opened, when this instance owns it. */
  readonly claim: () => Claim | undefined
  /** How often the stream was turned back, by the last beat, and how many beats there were. */
  readonly beaten: () => { readonly rewinds: number; readonly beats: number }
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
  const hand = new BalancedHand(handler, stream, options.topology)
  const draining = yield* Latch.make(false)
  const context: BalancedContext<E> = { stream, instance, unit, hand, parking, draining }
  const runner = yield* makeRunner(context, options.transactionsMax)
  const state: State = { source: undefined, ending: false, awaySince: undefined }
  const once = openOnce(options, context, runner, state)
  const say = (error: BrokerRefused | BrokerUnavailable | StoreUnavailable) =>
    Effect.andThen(
      noteAway(state, error),
      signal({ _tag: "DeliveriesInterrupted", handler: handler.name, detail: error.message })
    )
  const receiving = Effect.suspend(() => (state.ending ? Effect.never : Effect.scoped(once))).pipe(
    Effect.tapError(say),
    Effect.retry(reopenSchedule)
  )
  const fiber = yield* Effect.forkScoped(
    Effect.raceFirst(keepGoing(`balanced ${handler.name}`, receiving), runner.work)
  )
  const settled = Effect.sleep(drainedLookEvery).pipe(Effect.repeat({ until: () => hand.busy === 0 }))
  return {
    /** Since when the broker cannot be reached, by the monotonic clock; undefined when it can. */
    brokerAwaySince: () => state.awaySince,
    handler: handler.name,
    inHand: () => hand.busy,
    drain: Effect.gen(function* () {
      state.ending = true
      if (state.source !== undefined) yield* state.source.subscription.finish
      yield* draining.open
      if (hand.busy > 0) yield* Effect.timeoutOption(settled, options.drainMax)
      yield* Fiber.interrupt(fiber)
      yield* hand.giveBack
    })
  }
})

interface State {
  source: Source | undefined
  ending: boolean
  awaySince: bigint | undefined
}

const noteAway = (state: State, { _tag }: BrokerRefused | BrokerUnavailable | StoreUnavailable) =>
  Effect.map(Clock.monotonicTimeNanos, (now) => {
    if (_tag === "BrokerUnavailable") state.awaySince ??= now
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
  { ackWait, beaten, claim, declaration }: BalancedOptions,
  context: BalancedContext<E>,
  runner: BalancedRunner,
  state: State
): Effect.fn.Return<never, BrokerRefused | BrokerUnavailable | StoreUnavailable, EventLedger | EventLog | Scope.Scope> {
  const log = yield* EventLog
  const { hand, stream, unit } = context
  const { handler } = unit
  const ledger = yield* EventLedger
  const moveFloor = yield* makeFloorKeeper(stream, handler.name, claim)
  const { beats } = beaten()
  const { afterSeq, generation } = yield* ledger.start(stream, handler.name)
  const from = { handler: handler.name, generation, afterSeq, inHandMax: inHandOf(handler), ackWait }
  const subscription = yield* log.share(declaration, from)
  const source: Source = { subscription, generation }
  state.source = source
  hand.opened(source)
  state.awaySince = undefined

  // A store that is away is the heartbeat's to report.
  const lookAtFloor = Effect.matchEffect(moveFloor(source), {
    onFailure: (error) => noteAway(state, error),
    onSuccess: () => Effect.sync(() => (state.awaySince = undefined))
  })
  const accept = (deliveries: ReadonlyArray<SharedDelivery>) =>
    Effect.sync(() => runner.offer(hand.take(deliveries, source)))
  // A beat that was under way when this was opened may not know of it yet. It may also go down: with a store that was
  // restored, or failed over.
  const isOther = () => beaten().beats > beats + 1 && beaten().rewinds !== generation
  const turnedBack = Effect.sleep(lookEvery).pipe(
    Effect.repeat({ until: isOther }),
    Effect.andThen(Effect.fail(new BrokerUnavailable({ operation: "share", detail: "the stream was turned back" })))
  )
  const ended = new BrokerUnavailable({ operation: "share", detail: "the deliveries ended" })
  const inProgressEvery = Duration.toMillis(ackWait) / signsOfLife
  let toldAt = yield* Clock.monotonicTimeNanos
  const keepAlive = Effect.gen(function* () {
    yield* Effect.sleep(inProgressEvery)
    const now = yield* Clock.monotonicTimeNanos
    const isLate = Number(now - toldAt) > 2 * inProgressEvery * 1e6
    toldAt = now
    // It stood still for so long that others may have got what is in hand.
    if (isLate) hand.doubt()
    yield* subscription.inProgress
  })
  return yield* Effect.raceAllFirst([
    subscription.events.pipe(Stream.runForEachArray(accept), Effect.andThen(Effect.fail(ended))),
    Effect.forever(keepAlive),
    Effect.forever(Effect.andThen(Effect.sleep(floorEvery), lookAtFloor)),
    turnedBack
  ])
})
