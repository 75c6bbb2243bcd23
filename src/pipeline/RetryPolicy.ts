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

/** Attempts of the default policy, the first one included. */
export const attemptsDefaultMax = 8

/** 8 attempts: exponential from 200 ms, capped at 30 s, jittered by a fifth; an attempt may take 15 s; every error is retryable. */
export const retryPolicyDefault: RetryPolicy = {
  schedule: Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("30 seconds")]).pipe(
    Schedule.jittered,
    Schedule.upTo({ times: attemptsDefaultMax - 1 })
  ),
  attemptTimeout: Duration.seconds(15),
  classify: () => "retryable"
}
