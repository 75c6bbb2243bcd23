import { type Cause, Duration, Effect, Queue, type Scope } from "effect"
import { afterFailure, type RetryStep, retryStep } from "./Attempt.ts"
import type { Entry, Lane } from "./Lanes.ts"
import type { RunnerContext } from "./Runner.ts"
import { signal } from "./Signals.ts"

/** What became of a lane whose head failed. */
export type LaneFate = "waiting" | "parked"

/** Handles the failure of a lane's head: the lane waits for its next attempt, or its head and all behind it are parked. */
export interface RetryLane {
  readonly failed: (entry: Entry, cause: Cause.Cause<unknown>) => Effect.Effect<LaneFate>
  readonly succeeded: (lane: Lane) => void
}

/** One per opening of a partition: its timers end with the scope, and the schedules start anew after it. */
export const makeRetryLane = Effect.fnUntraced(function* <E>(
  context: RunnerContext<E>
): Effect.fn.Return<RetryLane, never, Scope.Scope> {
  const steps = new Map<Lane, RetryStep>()
  const scope = yield* Effect.scope

  const stepOf = Effect.fnUntraced(function* (lane: Lane) {
    const step = steps.get(lane) ?? (yield* retryStep(context.handler.retry))
    steps.set(lane, step)
    return step
  })

  const succeeded = (lane: Lane) => {
    lane.failures = 0
    steps.delete(lane)
  }

  const failed = Effect.fnUntraced(function* (entry: Entry, cause: Cause.Cause<unknown>) {
    const { lane, stored } = entry
    const { handler } = context
    const next = yield* afterFailure(handler, lane, yield* stepOf(lane), cause)
    if (next._tag === "Wait") {
      yield* signal(attemptFailed(handler.name, lane, next.delay, String(cause)))
      yield* Effect.sleep(next.delay).pipe(Effect.andThen(Queue.offer(context.ready, lane)), Effect.forkIn(scope))
      return "waiting"
    }
    succeeded(lane)
    lane.parkedFrom = Math.min(lane.parkedFrom, stored.version)
    entry.action = { _tag: "park", reason: next.reason, gapAfter: undefined }
    return "parked"
  })

  return { failed, succeeded }
})

const attemptFailed = (handler: string, lane: Lane, delay: Duration.Duration, reason: string) => ({
  _tag: "AttemptFailed" as const,
  handler,
  key: lane.key,
  attempt: lane.failures,
  retryInMs: Math.round(Duration.toMillis(delay)),
  reason
})
