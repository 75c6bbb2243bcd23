import { Duration, Schedule } from "effect"

/** What a failure of a handler means: try again, park the key at once, or stop the handler. */
export type FailureClass = "retryable" | "poison"

/**
 * How a handler's failures are retried. Only the failing key waits; a schedule that ends parks the key.
 *
 * Delivery semantics: every attempt sees the same event under the same idempotency key; the key's later events wait
 * behind it, in order.
 */
export interface RetryPolicy<in E = unknown> {
  /** Delays between attempts. When it ends, the key is parked. */
  readonly schedule: Schedule.Schedule<unknown, unknown>
  /** How long one attempt may take before it counts as failed. */
  readonly attemptTimeout: Duration.Duration
  /** What an error means; everything is retryable unless said otherwise. Defects are always poison. */
  readonly classify: (error: E) => FailureClass
}

/** What a policy is made of. */
export interface RetryLimits {
  /** The first attempt included. */
  readonly attemptsMax: number
  readonly delayMax: Duration.Duration
  readonly attemptTimeout: Duration.Duration
}

/** Exponential from 200 ms up to a cap, jittered by a fifth; every error is retryable. */
export const retryPolicy = (limits: RetryLimits): RetryPolicy => ({
  schedule: Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced(limits.delayMax)]).pipe(
    Schedule.jittered,
    Schedule.upTo({ times: limits.attemptsMax - 1 })
  ),
  attemptTimeout: limits.attemptTimeout,
  classify: () => "retryable"
})

/** 8 attempts, at most 30 s apart, of at most 15 s each. */
export const retryPolicyDefault: RetryPolicy = retryPolicy({
  attemptsMax: 8,
  delayMax: Duration.seconds(30),
  attemptTimeout: Duration.seconds(15)
})
