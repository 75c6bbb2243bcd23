import { Array as Arr, Cause, Clock, Effect, Exit, FiberSet, Option, Queue, type Scope } from "effect"
import {
  type BalancedContext,
  type BalancedRunner,
  makeBalancedSteps,
  parkedTogetherMax,
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
import { lingerAfter, type LingerLimits } from "./Linger.ts"
import { KeyChanged } from "./PipelineError.ts"
import { runDelivery } from "./runDelivery.ts"
import { signal } from "./Signals.ts"

/** How long the first of some waits for others, until the ledger is asked about them. */
const askLinger: LingerLimits = { minMs: 0, maxMs: 10 }

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
  const steps = yield* makeBalancedSteps(context)
  const { committed, ledger, left } = steps
  const arrived = yield* Queue.unbounded<Held>()
  const ready = yield* Queue.unbounded<Held>()
  const finished = yield* Queue.unbounded<Held>()
  const running = yield* FiberSet.make<void>()
  const work = makeWork(context, steps, { ready, finished })

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
  let lastAsked = 0
  const asking = workOff(hand, arrived, {
    where: "balanced ask",
    eventsMax: () => groupCommitsMax,
    lingerMs: () => lingerAfter(lastAsked, askLinger),
    work: (some) => {
      lastAsked = some.length
      return Effect.map(left(some), (rest) => {
        for (const held of rest) Queue.offerUnsafe(held.action._tag === "run" ? ready : finished, held)
      })
    }
  })
  const record = (some: ReadonlyArray<Held>) =>
    Effect.flatMap(Clock.currentTimeMillis, (beganMs) =>
      Effect.andThen(untilAnswered(Effect.suspend(() => ledger.record(hand.commitOf(some)))), committed(some, beganMs))
    )
  const committing = workOff(hand, finished, {
    where: "balanced commit",
    eventsMax: () => groupCommitsMax,
    lingerMs: () => groupLingerMs,
    work: (some) => Effect.forEach(portions(some), record, { discard: true })
  })
  return {
    offer: (some) => void Queue.offerAllUnsafe(arrived, some),
    work: Effect.raceAllFirst([keepGoing("balanced dispatch", dispatch), asking, committing]).pipe(
      Effect.ensuring(FiberSet.clear(running))
    )
  }
})

/** All that is handled together; what is put aside has payloads, and goes a few at a time. */
const portions = (some: ReadonlyArray<Held>): ReadonlyArray<ReadonlyArray<Held>> => {
  const parked = some.filter(({ action }) => action._tag === "park")
  const others = some.filter(({ action }) => action._tag !== "park")
  return [...(others.length === 0 ? [] : [others]), ...Arr.chunksOf(parked, parkedTogetherMax)]
}

type Steps = Effect.Success<ReturnType<typeof makeBalancedSteps>>

/** One event, until it is done, or drained. */
const makeWork = <E>(
  context: BalancedContext<E>,
  steps: Steps,
  { finished, ready }: { readonly ready: Queue.Queue<Held>; readonly finished: Queue.Queue<Held> }
) => {
  const { hand, unit } = context
  const attempt = makeAttempt(context, steps)
  return (held: Held) =>
    attempt(held).pipe(
      Effect.map((fate) => {
        if (fate === "done") Queue.offerUnsafe(finished, held)
        if (fate === "drained") hand.abandon([held])
      }),
      // A bug: it is said, and the event is tried again, as whatever a loop was doing would be.
      Effect.catchDefect((defect) =>
        signal({ _tag: "DefectSurvived", where: `balanced ${unit.handler.name}`, detail: String(defect) }).pipe(
          Effect.andThen(Effect.sleep(pauseAfterDefect)),
          Effect.andThen(Effect.sync(() => void Queue.offerUnsafe(ready, held)))
        )
      )
    )
}

/** Attempts until one counts. `gone`: somebody else has handled it. `drained`: it was not begun. */
const makeAttempt = <E>(
  { draining, unit: { gate, handler } }: BalancedContext<E>,
  { isStillLeft, putAside }: Pick<Steps, "isStillLeft" | "putAside">
) =>
  Effect.fnUntraced(function* (held: Held): Effect.fn.Return<"done" | "gone" | "drained"> {
    while (held.action._tag === "run") {
      const { delivery } = held.action
      const { key } = held.stored
      let isGone = false
      // Behind the gate, where it may have waited for long. That it is gone says nothing about its downstream.
      const run: Effect.Effect<void, unknown> = Effect.gen(function* () {
        isGone = !(yield* isStillLeft(held))
        if (isGone) return yield* new KeyChanged({ handler: handler.name, key })
        return yield* runDelivery(handler, delivery)
      })
      const made = yield* Effect.exit(gate.attempt({ key, fresh: !held.tried }, run, draining))
      // What waits at the gate is interrupted by a drain.
      if (Exit.isFailure(made) && Cause.hasInterruptsOnly(made.cause)) return "drained"
      if (Exit.isFailure(made)) return yield* Effect.failCause(made.cause)
      if (isGone) return "gone"
      const { counts, exit } = made.value
      if (Exit.isSuccess(exit)) return "done"
      if (Cause.hasInterruptsOnly(exit.cause)) return "drained"
      const isUnsaid = Option.exists(Cause.findErrorOption(exit.cause), isInfrastructure)
      held.tried = !isUnsaid
      if (counts && !isUnsaid) yield* putAside(held, exit.cause)
      else yield* Effect.sleep(soon)
    }
    return "done"
  })
