import { Cause, Clock, Effect, Exit, Option, Queue, type Scope } from "effect"
import { isInfrastructure } from "./Attempt.ts"
import {
  type BalancedContext,
  type BalancedRunner,
  makeBalancedSteps,
  parkedTogetherMax,
  soon,
  workOff
} from "./BalancedContext.ts"
import type { BalancedHand, Held } from "./BalancedHand.ts"
import { batchEventsMax, batchLinger } from "./BatchCommit.ts"
import type { EventLedger } from "./EventLedger.ts"
import type { EventLog } from "./EventLog.ts"
import { lingerAfter } from "./Linger.ts"
import { ownInterruptIsDefect } from "./ownInterrupt.ts"
import { EventTaken } from "./PipelineError.ts"
import { inBatchSpan } from "./Trace.ts"

const none: ReadonlyArray<Held> = []

/** What became of a batch that was not committed. */
type Fate = "taken" | "unanswered" | "failed" | "drained"

/**
 * Runs a balanced handler whose effects are in the database: batches of whatever is there, effects and ledger entries in
 * one transaction.
 *
 * Guarantees: each event's effects are committed exactly once, by whichever instance. A batch that fails is rolled back
 * and split until the failing event stands alone; that one is put aside, the others commit.
 */
export const makeBalancedTransactional = Effect.fnUntraced(function* <E>(
  context: BalancedContext<E>,
  transactionsMax: number
): Effect.fn.Return<BalancedRunner, never, EventLedger | EventLog | Scope.Scope> {
  const { hand, unit } = context
  const { gate } = unit
  const { committed, ledger, left, putAside } = yield* makeBalancedSteps(context)
  const asked = makeAsked(hand, left)
  const ready = yield* Queue.unbounded<Held>()
  const commit = makeCommit(context, ledger)

  const settle: (some: ReadonlyArray<Held>) => Effect.Effect<void> = Effect.fnUntraced(function* (some) {
    let rest = yield* asked.leftOf(some)
    while (rest.length > 0) rest = yield* tryOnce(rest)
  })

  /** One transaction, or two halves. What is left to be tried again. */
  const tryOnce = Effect.fnUntraced(function* (some: ReadonlyArray<Held>) {
    if (parkedIn(some) > parkedTogetherMax) return yield* inHalves(some)
    const beganMs = yield* Clock.currentTimeMillis
    const exit = yield* Effect.exit(commit(some))
    if (Exit.isSuccess(exit)) return yield* Effect.as(committed(some, beganMs), none)
    const fate = fateOf(exit.cause)
    if (fate === "failed" && (yield* gate.isToBlame(exit.cause))) return yield* isolate(some, exit.cause)
    if (fate === "drained") hand.abandon(some)
    if (fate === "drained") return none
    // Whether it was committed is not known, or some of it was by somebody else: only the ledger can tell.
    if (fate !== "taken") yield* Effect.sleep(soon)
    return yield* asked.again(some)
  })

  const isolate = Effect.fnUntraced(function* (some: ReadonlyArray<Held>, cause: Cause.Cause<unknown>) {
    // What others have handled may fail for that alone, as a row that is there already does.
    const rest = yield* asked.again(some)
    if (rest.length < some.length) return rest
    const [alone, ...others] = some.filter(({ action }) => action._tag === "run")
    if (others.length > 0) return yield* inHalves(some)
    if (alone !== undefined) yield* putAside(alone, cause)
    return some
  })

  const inHalves = Effect.fnUntraced(function* (some: ReadonlyArray<Held>) {
    const middle = Math.ceil(some.length / 2)
    yield* settle(some.slice(0, middle))
    yield* settle(some.slice(middle))
    return none
  })

  let lastEvents = 0
  const working = workOff(hand, ready, {
    where: "balanced batch",
    eventsMax: () => Math.min(batchEventsMax, gate.togetherMax()),
    lingerMs: () => lingerAfter(lastEvents, batchLinger),
    work: (some) => settle(some.slice(0, (lastEvents = some.length)))
  })
  const turns = Array.from({ length: transactionsMax }, () => working)
  return { offer: (some) => Queue.offerAllUnsafe(ready, some), work: Effect.raceAllFirst(turns) }
})

/**
 * A commit finds out by itself what is handled already, and then has worked for nothing: so the ledger is asked first for
 * as long as some of what came was.
 */
const makeAsked = (hand: BalancedHand, left: (some: ReadonlyArray<Held>) => Effect.Effect<ReadonlyArray<Held>>) => {
  const state = { isNeeded: true, doubts: hand.doubts }
  const again = Effect.fnUntraced(function* (some: ReadonlyArray<Held>) {
    const { doubts } = hand
    const rest = yield* left(some)
    Object.assign(state, { isNeeded: rest.length < some.length, doubts })
    return rest
  })
  return {
    again,
    leftOf: (some: ReadonlyArray<Held>) =>
      state.isNeeded || state.doubts !== hand.doubts ? again(some) : Effect.succeed(some)
  }
}

/** One transaction, through the gate when the handler has a part in it. */
const makeCommit = <E>(
  { draining, hand, unit: { gate, handler } }: BalancedContext<E>,
  ledger: EventLedger["Service"]
) => {
  return (some: ReadonlyArray<Held>): Effect.Effect<void, unknown> => {
    const deliveries = some.flatMap(({ action }) => (action._tag === "run" ? [action.delivery] : []))
    const plan = () => hand.commitOf(some)
    if (deliveries.length === 0) return Effect.suspend(() => ledger.record(plan()))
    const effects = handler.run(deliveries).pipe(ownInterruptIsDefect, Effect.timeout(handler.retry.attemptTimeout))
    const ready = Effect.raceFirst(gate.ready, Effect.andThen(draining.await, Effect.interrupt))
    const committed = ledger.commit(handler.name, plan, effects)
    const commit = inBatchSpan(committed, `Handler.${handler.name}`, "consumer", deliveries)
    return Effect.andThen(ready, gate.batch(deliveries.length, commit, draining))
  }
}

const parkedIn = (some: ReadonlyArray<Held>) => some.filter(({ action }) => action._tag === "park").length

const fateOf = (cause: Cause.Cause<unknown>): Fate => {
  if (Cause.hasInterruptsOnly(cause)) return "drained"
  const error = Option.getOrUndefined(Cause.findErrorOption(cause))
  if (error instanceof EventTaken) return "taken"
  return isInfrastructure(error) ? "unanswered" : "failed"
}
