import { Cause, Effect, Exit, Option, Queue, type Scope } from "effect"
import { isInfrastructure } from "./Attempt.ts"
import { type BalancedContext, type BalancedRunner, makeBalancedSteps, soon, workOff } from "./BalancedContext.ts"
import type { Held } from "./BalancedHand.ts"
import { batchEventsMax, batchLinger } from "./BatchCommit.ts"
import type { EventLedger } from "./EventLedger.ts"
import type { EventLog } from "./EventLog.ts"
import { lingerAfter } from "./Linger.ts"
import { ownInterruptIsDefect } from "./ownInterrupt.ts"
import { EventTaken } from "./PipelineError.ts"

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
  const { committed, left, putAside } = yield* makeBalancedSteps(context)
  const ready = yield* Queue.unbounded<Held>()
  const commit = yield* makeCommit(context)

  const settle: (some: ReadonlyArray<Held>) => Effect.Effect<void> = Effect.fnUntraced(function* (some) {
    if (some.length === 0) return
    const exit = yield* Effect.exit(commit(some))
    if (Exit.isSuccess(exit)) return yield* committed(some)
    const fate = fateOf(exit.cause)
    if (fate === "drained") return hand.abandon(some)
    if (fate === "failed") return yield* isolate(some, exit.cause)
    // Whether it was committed is not known, or some of it was by somebody else: only the ledger can tell.
    if (fate === "unanswered") yield* Effect.sleep(soon)
    yield* settle(yield* left(some))
  })

  const isolate = Effect.fnUntraced(function* (some: ReadonlyArray<Held>, cause: Cause.Cause<unknown>) {
    if (!(yield* gate.isToBlame(cause))) {
      yield* Effect.sleep(soon)
      return yield* settle(some)
    }
    const [first, ...others] = some.filter(({ action }) => action._tag === "run")
    if (first !== undefined && others.length === 0) {
      yield* putAside(first, cause)
      return yield* settle(some)
    }
    const middle = Math.ceil(some.length / 2)
    yield* settle(some.slice(0, middle))
    yield* settle(some.slice(middle))
  })

  let lastEvents = 0
  const working = workOff(hand, ready, {
    where: "balanced batch",
    eventsMax: batchEventsMax,
    lingerMs: () => lingerAfter(lastEvents, batchLinger),
    work: (some) => {
      lastEvents = some.length
      return settle(some)
    }
  })
  const turns = Array.from({ length: transactionsMax }, () => working)
  return { offer: (some) => Queue.offerAllUnsafe(ready, some), work: Effect.raceAllFirst(turns) }
})

/** One transaction, through the gate when the handler has a part in it. */
const makeCommit = Effect.fnUntraced(function* <E>(context: BalancedContext<E>) {
  const { draining, hand, unit } = context
  const { gate, handler } = unit
  const { ledger } = yield* makeBalancedSteps(context)
  return (some: ReadonlyArray<Held>): Effect.Effect<void, unknown> => {
    const deliveries = some.flatMap(({ action }) => (action._tag === "run" ? [action.delivery] : []))
    const plan = hand.commitOf(some)
    if (deliveries.length === 0) return ledger.record(plan)
    const effects = handler.run(deliveries).pipe(ownInterruptIsDefect, Effect.timeout(handler.retry.attemptTimeout))
    const ready = Effect.raceFirst(gate.ready, Effect.andThen(draining.await, Effect.interrupt))
    return Effect.andThen(ready, gate.batch(deliveries.length, ledger.commit(plan, effects), draining))
  }
})

const fateOf = (cause: Cause.Cause<unknown>): Fate => {
  if (Cause.hasInterruptsOnly(cause)) return "drained"
  const error = Option.getOrUndefined(Cause.findErrorOption(cause))
  if (error instanceof EventTaken) return "taken"
  return isInfrastructure(error) ? "unanswered" : "failed"
}
