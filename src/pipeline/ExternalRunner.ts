import { Cause, Effect, Exit, FiberSet, Queue, type Scope, Semaphore } from "effect"
import type { GroupCommit } from "./GroupCommit.ts"
import { attemptOf, currentAction, type Entry, type Lane } from "./Lanes.ts"
import type { LeaseLost, StoreUnavailable } from "./PipelineError.ts"
import { makeRetryLane } from "./RetryLane.ts"
import { runDelivery } from "./runDelivery.ts"
import type { Runner, RunnerContext } from "./Runner.ts"

/**
 * Runs an external handler: several keys at a time, each key's events one after the other; progress is committed in
 * groups, behind the effects.
 *
 * Guarantees: each event's effect happens at least once, under one idempotency key; the first effects of a key happen
 * in order. A crash between an effect and its commit repeats that effect. A slow or failing key delays only itself.
 */
export const makeExternalRunner = Effect.fnUntraced(function* <E>(
  context: RunnerContext<E>,
  slots: Semaphore.Semaphore,
  groupCommit: GroupCommit
): Effect.fn.Return<Runner, never, Scope.Scope> {
  const { careful, claim, handler, lanes, ready } = context
  const retry = yield* makeRetryLane(context)
  const running = yield* FiberSet.make<void, StoreUnavailable>()
  const finished = yield* Queue.unbounded<Entry>()
  const turn = yield* Semaphore.make(1)
  const state = { draining: false }

  const finish = (entry: Entry) => {
    entry.lane.queue.shift()
    Queue.offerUnsafe(finished, entry)
  }

  /** True: the entry is done, one way or the other. False: its lane waits. */
  const work = Effect.fnUntraced(function* (entry: Entry) {
    const { lane } = entry
    const exit = yield* Effect.exit(runEntry(handler, entry))
    if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) return yield* Effect.interrupt
    if (Exit.isFailure(exit) && (yield* retry.failed(entry, exit.cause)) === "waiting") return false
    if (Exit.isSuccess(exit)) retry.succeeded(lane)
    finish(entry)
    return true
  })

  const runLane = Effect.fnUntraced(function* (lane: Lane) {
    for (let entry = lane.queue[0]; entry !== undefined && !state.draining; entry = lane.queue[0]) {
      if (!(yield* careful.guard([entry], work(entry)))) return
    }
    lane.busy = false
  })

  const dispatch = Effect.fnUntraced(function* () {
    const lane = yield* Queue.take(ready)
    // The permit is taken inside the fiber: one that is interrupted before its first step would never give it back.
    yield* FiberSet.run(running, slots.withPermit(runLane(lane)))
  })

  const flush: Effect.Effect<void, LeaseLost | StoreUnavailable> = Effect.suspend(() => {
    const entries = takeBuffered(finished)
    if (entries.length === 0) return Effect.void
    const plan = lanes.plan(claim, entries)
    return Effect.andThen(groupCommit.commit(plan), context.committed(plan))
  })

  return {
    work: Effect.raceAllFirst([
      Effect.forever(dispatch()),
      Effect.forever(Queue.peek(finished).pipe(Effect.andThen(turn.withPermit(flush)))),
      Effect.andThen(FiberSet.join(running), Effect.never)
    ]),
    drain: Effect.suspend(() => {
      state.draining = true
      return FiberSet.awaitEmpty(running).pipe(Effect.andThen(turn.take(1)), Effect.andThen(flush))
    })
  }
})

const runEntry = <E>(handler: RunnerContext<E>["handler"], entry: Entry) => {
  const action = currentAction(entry)
  if (action._tag !== "run") return Effect.void
  return runDelivery(handler, { ...action.delivery, attempt: attemptOf(entry) })
}

const takeBuffered = (queue: Queue.Queue<Entry>): ReadonlyArray<Entry> => {
  const entries: Array<Entry> = []
  while (Queue.sizeUnsafe(queue) > 0) {
    const exit = Queue.takeUnsafe(queue)
    if (exit !== undefined && Exit.isSuccess(exit)) entries.push(exit.value)
  }
  return entries
}
