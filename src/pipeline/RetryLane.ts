import { type Cause, Clock, Duration, Effect, Option, Queue, type Scope } from "effect"
import { failureOf, reasonFor, remembered, type RetrySteps, retrySteps } from "./Attempt.ts"
import type { Entry, Lane } from "./Lanes.ts"
import type { Claim } from "./Ownership.ts"
import type { FailedAttempt } from "./Parked.ts"
import type { RunnerContext } from "./Runner.ts"
import { signal } from "./Signals.ts"

/** What became of a lane whose head failed. */
export type LaneFate = "waiting" | "parked"

/**
 * A lane that has to wait longer is put aside in the store, with what arrives behind it: in memory it would hold the
 * cursor, and with it, sooner or later, all other keys of its partition.
 */
export const waitInMemoryMax = Duration.seconds(1)

/** Handles the failure of a lane's head: the lane waits for its next attempt, or its head and all behind it are put aside. */
export interface RetryLane {
  readonly failed: (entry: Entry, cause: Cause.Cause<unknown>) => Effect.Effect<LaneFate>
  readonly succeeded: (lane: Lane) => void
  /** An attempt that is not held against the event: the lane comes again soon, behind the others. */
  readonly later: (lane: Lane) => Effect.Effect<false>
}

/** Until an attempt that did not count is made again; the gate says when it really is. */
const soon = Duration.millis(200)

interface Waiting {
  readonly steps: RetrySteps
  history: ReadonlyArray<FailedAttempt>
}

/** One per opening of a partition: its timers end with the scope, and the schedules start anew after it. */
export const makeRetryLane = Effect.fnUntraced(function* <E>(
  context: RunnerContext<E>
): Effect.fn.Return<RetryLane, never, Scope.Scope> {
  const waiting = new Map<Lane, Waiting>()
  const scope = yield* Effect.scope
  const { handler, instance } = context

  const succeeded = (lane: Lane) => {
    lane.failures = 0
    waiting.delete(lane)
  }

  const wait = Effect.fnUntraced(function* (lane: Lane, delay: Duration.Duration) {
    yield* Effect.sleep(delay).pipe(Effect.andThen(Queue.offer(context.ready, lane)), Effect.forkIn(scope))
    return "waiting" as const
  })

  const failed = Effect.fnUntraced(function* (entry: Entry, cause: Cause.Cause<unknown>) {
    const { lane, stored } = entry
    const known = waiting.get(lane) ?? { steps: retrySteps(handler.retry), history: [] }
    waiting.set(lane, known)
    lane.failures += 1
    const failure = yield* failureOf(handler.retry, cause, lane.failures, instance)
    known.history = remembered(known.history, failure.failed)
    const { tag } = failure.failed
    const delay =
      failure.class === "poison"
        ? Option.none()
        : yield* known.steps(tag, failure.error, yield* Clock.currentTimeMillis)
    if (Option.isSome(delay)) yield* signal(attemptFailed(context.claim, lane, delay.value, String(cause)))
    if (Option.isSome(delay) && Duration.isLessThanOrEqualTo(delay.value, waitInMemoryMax))
      return yield* wait(lane, delay.value)
    const retryInMs = Option.getOrUndefined(Option.map(delay, Duration.toMillis))
    succeeded(lane)
    lane.parkedFrom = Math.min(lane.parkedFrom, stored.version)
    entry.action = { _tag: "park", reason: reasonFor(failure, known.history, retryInMs), gapAfter: undefined }
    return "parked" as const
  })

  return { failed, succeeded, later: (lane) => Effect.as(wait(lane, soon), false) }
})

const attemptFailed = (
  { handler, partition }: Pick<Claim, "handler" | "partition">,
  lane: Lane,
  delay: Duration.Duration,
  reason: string
) => ({
  _tag: "AttemptFailed" as const,
  handler,
  partition,
  key: lane.key,
  attempt: lane.failures,
  retryInMs: Math.round(Duration.toMillis(delay)),
  reason
})
