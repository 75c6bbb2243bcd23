import { Duration, Schedule } from "effect"

/**
 * What a failure of a handler means. `retryable`: try again, only the key waits. `poison`: the same input would fail
 * again, park the key at once. `fatal`: no event can succeed (wrong password, say), pause the handler and keep them all.
 */
export type FailureClass = "retryable" | "poison" | "fatal"

/** Tags of a handler's errors, as far as its error type tells them. */
export type TagOf<E> = E extends { readonly _tag: infer Tag extends string } ? Tag : never

/** What one error tag does differently from the policy: what it means, and when it is tried again. */
export interface TagPolicy {
  /** As the policy says, unless it is given. */
  readonly class?: FailureClass
  /** Delays between attempts that fail with this tag. */
  readonly schedule?: Schedule.Schedule<unknown, unknown>
}

/**
 * How a handler's failures are retried. Only the failing key waits; a schedule that ends parks the key.
 *
 * Delivery semantics: every attempt sees the same event under the same idempotency key; the key's later events wait
 * behind it, in order.
 */
export interface RetryPolicy<in E = unknown> {
  /** Delays between attempts. When it ends, the key is parked. */
  readonly schedule: Schedule.Schedule<unknown, unknown>
  /** Attempts that may end the whole process, after which the key is parked all the same. */
  readonly attemptsMax: number
  /** How long one attempt may take before it counts as failed. */
  readonly attemptTimeout: Duration.Duration
  /** What an error means; everything is retryable unless said otherwise. Defects are always poison. */
  readonly classify: (error: E) => FailureClass
  /** What single tags do differently; comes before `classify`. */
  readonly byTag: Readonly<Record<string, TagPolicy>>
}

/** What `retryPolicy` is made of: how many attempts, how far apart, how long each. */
export interface RetryLimits {
  /** The first attempt included. */
  readonly attemptsMax: number
  /** Longest pause between two attempts. */
  readonly delayMax: Duration.Duration
  /** How long one attempt may take before it counts as failed. */
  readonly attemptTimeout: Duration.Duration
}

/** Exponential from 200 ms up to a cap, jittered by a fifth; every error is retryable. */
export const retryPolicy = (limits: RetryLimits): RetryPolicy => ({
  schedule: Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced(limits.delayMax)]).pipe(
    Schedule.jittered,
    Schedule.upTo({ times: limits.attemptsMax - 1 })
  ),
  attemptsMax: limits.attemptsMax,
  attemptTimeout: limits.attemptTimeout,
  classify: () => "retryable",
  byTag: {}
})

/**
 * The policy with what single error tags do differently. Tags that the errors do not have do not compile.
 *
 * ```ts
 * import { Schedule, Schema } from "effect"
 * import { RetryPolicy } from "millrace"
 *
 * class Busy extends Schema.TaggedError<Busy>()("Busy", {}) {}
 * class NoSuchAddress extends Schema.TaggedError<NoSuchAddress>()("NoSuchAddress", {}) {}
 *
 * const retry = RetryPolicy.withTags<Busy | NoSuchAddress>({
 *   Busy: { schedule: Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 60 })) },
 *   NoSuchAddress: { class: "poison" }
 * })(RetryPolicy.retryPolicyDefault)
 * ```
 */
export const withTags =
  <E>(byTag: { readonly [Tag in TagOf<E>]?: TagPolicy }) =>
  (policy: RetryPolicy): RetryPolicy<E> => {
    const given = Object.entries<TagPolicy | undefined>(byTag)
    const defined = given.flatMap(([tag, one]) => (one === undefined ? [] : [[tag, one] as const]))
    return { ...policy, byTag: { ...policy.byTag, ...Object.fromEntries(defined) } }
  }

/** 8 attempts, at most 30 s apart, of at most 15 s each. */
export const retryPolicyDefault: RetryPolicy = retryPolicy({
  attemptsMax: 8,
  delayMax: Duration.seconds(30),
  attemptTimeout: Duration.seconds(15)
})
