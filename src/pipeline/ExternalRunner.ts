import { Clock, Effect, Exit, FiberSet, Queue, type Scope, Semaphore } from "effect"
import type { GroupCommit } from "./GroupCommit.ts"
import { attemptOf, currentAction, type Entry, type Lane } from "./Lanes.ts"
import type { Attempted } from "./HandlerGate.ts"
import { unlessNotBegun } from "./NotBegun.ts"
import type { LeaseLost, StoreUnavailable } from "./PipelineError.ts"
import { makeRetryLane, type RetryLane } from "./RetryLane.ts"
import { runDelivery } from "./runDelivery.ts"
import type { Runner, RunnerContext } from "./Runner.ts"
import { sayHandled } from "./sayHandled.ts"

/**
 * Runs an external handler: several keys at a time, each key's events one after the other; progress is committed in
 * groups, behind the effects.
 *
 * Guarantees: each event's effect happens at least once, under one idempotency key; the first effects of a key happen
 * in order. A crash between an effect and its commit repeats that effect. A slow or failing key delays only itself.
 * Slots are the handler's: a partition that is paused leaves them to the others.
 */
export const makeExternalRunner = Effect.fnUntraced(function* <E>(
  context: RunnerContext<E>,
  slots: Semaphore.Semaphore,
  groupCommit: GroupCommit
): Effect.fn.Return<Runner, never, Scope.Scope> {
  const { claim, gate, lanes, ready } = context
  const running = yield* FiberSet.make<void, LeaseLost | StoreUnavailable>()
  const finished = yield* Queue.unbounded<Entry>()
  const turn = yield* Semaphore.make(1)
  const state = { draining: false }

  const finish = (entry: Entry) => {
    entry.lane.queue.shift()
    Queue.offerUnsafe(finished, entry)
  }

  const work = makeWork(context, yield* makeRetryLane(context), finish)

  const runLane = Effect.fnUntraced(function* (lane: Lane) {
    for (let entry = lane.queue[0]; entry !== undefined && !state.draining; entry = lane.queue[0]) {
      if (gate.isPaused()) return void Queue.offerUnsafe(ready, lane)
      if (!(yield* work(entry))) return
    }
    lane.busy = false
  })

  const dispatch = Effect.fnUntraced(function* () {
    yield* gate.ready
    const lane = yield* Effect.tap(Queue.take(ready), () => gate.unpaused)
    // The permit is taken inside the fiber: one that is interrupted before its first step would never give it back.
    yield* FiberSet.run(running, slots.withPermit(runLane(lane)))
  })

  const flush: Effect.Effect<void, LeaseLost | StoreUnavailable> = Effect.suspend(() => {
    const entries = takeBuffered(finished)
    if (entries.length === 0) return Effect.void
    const plan = lanes.plan(claim, entries)
    const handled = entries.flatMap((entry) => (currentAction(entry)._tag === "run" ? [entry.stored] : []))
    return Effect.flatMap(Clock.currentTimeMillis, (beganMs) =>
      groupCommit
        .commit(plan)
        .pipe(
          Effect.andThen(context.committed(plan)),
          Effect.andThen(sayHandled(claim.handler, claim.partition, handled, beganMs))
        )
    )
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

/** One attempt at a lane's head. True: it is done, one way or the other. False: its lane waits. */
const makeWork = <E>(context: RunnerContext<E>, retry: RetryLane, finish: (entry: Entry) => void) =>
  Effect.fnUntraced(function* (entry: Entry) {
    const { counts, exit, held } = yield* runEntry(context, entry)
    if (held) return yield* retry.later(entry.lane)
    entry.tried = true
    if (Exit.isSuccess(exit)) retry.succeeded(entry.lane)
    else {
      // Nobody acts on a key of the live flow.
      const cause = yield* Effect.catchTag(unlessNotBegun(exit.cause), "KeyChanged", Effect.die)
      if (!counts) return yield* retry.later(entry.lane)
      if ((yield* retry.failed(entry, cause)) === "waiting") return false
    }
    finish(entry)
    return true
  })

const runEntry = <E>({ careful, draining, gate, handler }: RunnerContext<E>, entry: Entry) => {
  const action = currentAction(entry)
  if (action._tag !== "run") return doneAlready
  const delivery = { ...action.delivery, attempt: attemptOf(entry) }
  const of = { key: entry.lane.key, fresh: !entry.tried }
  return gate.attempt(of, careful.guard([entry], runDelivery(handler, delivery)), draining)
}

const doneAlready: Effect.Effect<Attempted<void, never>> = Effect.succeed({ exit: Exit.void, counts: true })

const takeBuffered = (queue: Queue.Queue<Entry>): ReadonlyArray<Entry> => {
  const entries: Array<Entry> = []
  while (Queue.sizeUnsafe(queue) > 0) {
    const exit = Queue.takeUnsafe(queue)
    if (exit !== undefined && Exit.isSuccess(exit)) entries.push(exit.value)
  }
  return entries
}
