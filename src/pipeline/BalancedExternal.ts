import { Cause, Effect, Exit, FiberSet, Option, Queue, type Scope } from "effect"
import {
  type BalancedContext,
  type BalancedRunner,
  makeBalancedSteps,
  soon,
  untilAnswered,
  workOff
} from "./BalancedContext.ts"
import type { Held } from "./BalancedHand.ts"
import type { EventLedger } from "./EventLedger.ts"
import type { EventLog } from "./EventLog.ts"
import { groupCommitsMax, groupLingerMs } from "./GroupCommit.ts"
import { isInfrastructure } from "./Attempt.ts"
import { keepGoing, pauseAfterDefect } from "./keepGoing.ts"
import { runDelivery } from "./runDelivery.ts"
import { signal } from "./Signals.ts"

/**
 * Runs a balanced handler whose effects are elsewhere: several events at a time, whichever come first; they are entered in
 * the ledger in groups, behind the effects.
 *
 * Guarantees: each event's effect happens at least once, under one idempotency key. A crash between an effect and its
 * entry repeats that effect.
 */
export const makeBalancedExternal = Effect.fnUntraced(function* <E>(
  context: BalancedContext<E>
): Effect.fn.Return<BalancedRunner, never, EventLedger | EventLog | Scope.Scope> {
  const { draining, hand, unit } = context
  const { gate, slots } = unit
  const { committed, ledger, putAside } = yield* makeBalancedSteps(context)
  const ready = yield* Queue.unbounded<Held>()
  const finished = yield* Queue.unbounded<Held>()
  const running = yield* FiberSet.make<void>()
  const attempt = makeAttempt(context, putAside)

  const work = (held: Held) =>
    attempt(held).pipe(
      Effect.map((isDone) => (isDone ? void Queue.offerUnsafe(finished, held) : hand.abandon([held]))),
      // A bug: it is said, and the event is tried again, as whatever a loop was doing would be.
      Effect.catchDefect((defect) =>
        signal({ _tag: "DefectSurvived", where: `balanced ${unit.handler.name}`, detail: String(defect) }).pipe(
          Effect.andThen(Effect.sleep(pauseAfterDefect)),
          Effect.andThen(Effect.sync(() => void Queue.offerUnsafe(ready, held)))
        )
      )
    )

  // Too much is parked: what waits for that when it is drained was not begun.
  const isReady = Effect.raceFirst(
    Effect.as(gate.ready, true),
    draining.await.pipe(Effect.andThen(Effect.yieldNow), Effect.as(false))
  )
  const dispatch = Effect.gen(function* () {
    const held = yield* Queue.take(ready)
    if (!(yield* isReady)) return hand.abandon([held])
    // The permit is taken inside the fiber: one that is interrupted before its first step would never give it back.
    yield* FiberSet.run(running, slots.withPermit(work(held)))
  })
  const committing = workOff(hand, finished, {
    where: "balanced commit",
    eventsMax: groupCommitsMax,
    lingerMs: () => groupLingerMs,
    work: (some) => Effect.andThen(untilAnswered(ledger.record(hand.commitOf(some))), committed(some))
  })
  return {
    offer: (some) => {
      for (const held of some) Queue.offerUnsafe(held.action._tag === "run" ? ready : finished, held)
    },
    work: Effect.raceFirst(keepGoing("balanced dispatch", dispatch), committing).pipe(
      Effect.ensuring(FiberSet.clear(running))
    )
  }
})

/** Attempts until one counts. False: it was not begun, and is drained. */
const makeAttempt = <E>(
  { draining, unit: { gate, handler } }: BalancedContext<E>,
  putAside: (held: Held, cause: Cause.Cause<unknown>) => Effect.Effect<void>
) => {
  const attempt: (held: Held) => Effect.Effect<boolean> = Effect.fnUntraced(function* (held: Held) {
    if (held.action._tag !== "run") return true
    const of = { key: held.stored.key, fresh: !held.tried }
    const { counts, exit } = yield* gate.attempt(of, runDelivery(handler, held.action.delivery), draining)
    if (Exit.isSuccess(exit)) return true
    if (Cause.hasInterruptsOnly(exit.cause)) return false
    const isUnsaid = Option.exists(Cause.findErrorOption(exit.cause), isInfrastructure)
    held.tried = !isUnsaid
    if (counts && !isUnsaid) return yield* Effect.as(putAside(held, exit.cause), true)
    yield* Effect.sleep(soon)
    return yield* attempt(held)
  })
  return attempt
}
