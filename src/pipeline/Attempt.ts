import { Cause, Clock, Duration, Effect, Option, Predicate, Pull, Result, Schedule } from "effect"
import type { Handler } from "./Handler.ts"
import type { ParkReason } from "./Inbox.ts"
import type { Lane } from "./Lanes.ts"
import { TransactionIdle } from "./PipelineError.ts"
import type { RetryPolicy } from "./RetryPolicy.ts"

/** What follows a failed attempt. */
export type Next =
  | { readonly _tag: "Wait"; readonly delay: Duration.Duration }
  | { readonly _tag: "GiveUp"; readonly reason: ParkReason }

/** Steps through a retry schedule, once per failure: the delay until the next attempt, or none when it has ended. */
export type RetryStep = (failure: unknown) => Effect.Effect<Option.Option<Duration.Duration>>

/** A fresh run of the policy's schedule. It only says how long to wait; `toStepWithMetadata` would also do the waiting. */
export const retryStep = (policy: RetryPolicy): Effect.Effect<RetryStep> =>
  Effect.map(
    Schedule.toStep(policy.schedule),
    (step) => (failure) =>
      Clock.currentTimeMillis.pipe(
        Effect.flatMap((nowMs) => step(nowMs, failure)),
        Effect.map(([, delay]) => Option.some(delay)),
        Pull.catchDone(() => Effect.succeedNone)
      )
  )

/**
 * Decides after a failed attempt. Pure but for the schedule's own clock and jitter; counts the failure on the lane.
 * Defects are poison: the same input would hit the same bug again.
 */
export const afterFailure = Effect.fnUntraced(function* (
  handler: Handler,
  lane: Lane,
  step: RetryStep,
  cause: Cause.Cause<unknown>
): Effect.fn.Return<Next> {
  lane.failures += 1
  const error = Cause.findErrorOption(cause)
  const poison = Option.match(error, { onNone: () => true, onSome: (e) => isPoison(handler, e) })
  const delay = poison ? Option.none() : yield* step(Option.getOrUndefined(error))
  return Option.match(delay, {
    onSome: (duration): Next => ({ _tag: "Wait", delay: duration }),
    onNone: (): Next => ({ _tag: "GiveUp", reason: reasonOf(cause, lane.failures) })
  })
})

// Timeouts are the engine's, so the policy does not know them; a policy that throws has a bug, and so has what it judged.
const isPoison = (handler: Handler, error: unknown) =>
  !Cause.isTimeoutError(error) &&
  !(error instanceof TransactionIdle) &&
  Result.getOrElse(
    Result.try(() => handler.retry.classify(error)),
    () => "poison"
  ) === "poison"

/** Longest failure message that is kept. */
export const reasonMaxChars = 2_000

const reasonOf = (cause: Cause.Cause<unknown>, attempts: number): ParkReason => {
  const failure = Cause.squash(cause)
  const tag = Predicate.hasProperty(failure, "_tag")
    ? String(failure._tag)
    : failure instanceof Error
      ? failure.name
      : "Defect"
  const message = failure instanceof Error ? failure.message : String(failure)
  return { tag, message: message.slice(0, reasonMaxChars), attempts }
}
