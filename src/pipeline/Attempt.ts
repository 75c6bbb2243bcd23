import { Cause, Clock, type Duration, Effect, Option, Predicate, Pull, Result, Schedule } from "effect"
import { attemptsKeptMax, type FailedAttempt, type ParkReason } from "./Parked.ts"
import { NotBegun } from "./NotBegun.ts"
import { KeyChanged, LeaseLost, StoreUnavailable, TransactionIdle } from "./PipelineError.ts"
import type { FailureClass, RetryPolicy } from "./RetryPolicy.ts"

/** A failed attempt, with what may be needed to understand it. */
export interface Failure {
  readonly class: FailureClass
  readonly failed: FailedAttempt
  readonly stack: string
  readonly error: unknown
}

/** Longest failure message that is kept. */
export const reasonMaxChars = 2_000

/** Longest name of a failure, or of an instance, that is kept. */
const tagMaxChars = 255

/**
 * Whatever a failure says has to be kept, or its event could not be parked: no store has a NUL in its JSON, or half of a
 * character, such as cutting a text leaves behind.
 */
const storable = (text: string, maxChars: number) => text.slice(0, maxChars).toWellFormed().replaceAll("\0", "\uFFFD")

/** Longest stack trace that is kept. */
export const stackMaxChars = 4_000

/** Describes and classifies a failed attempt. Defects are poison: the same input would hit the same bug again. */
export const failureOf = (
  policy: RetryPolicy,
  cause: Cause.Cause<unknown>,
  attempt: number,
  instance: string
): Effect.Effect<Failure> =>
  Effect.map(Clock.currentTimeMillis, (atMs) => {
    const failure = Cause.squash(cause)
    const tag = tagOf(failure)
    const said = storable(saidBy(failure), reasonMaxChars)
    const stack = storable(failure instanceof Error ? (failure.stack ?? "") : "", stackMaxChars)
    return {
      class: classOfCause(policy, cause),
      failed: {
        attempt,
        atMs,
        tag: storable(tag, tagMaxChars),
        message: said,
        instance: storable(instance, tagMaxChars)
      },
      stack,
      error: failure
    }
  })

/** Causes of causes that are told; each wraps the one below it. */
const causesToldMax = 5

/** What a failure says, and what is behind it: the message of a driver's error is often only that a query failed. */
const saidBy = (failure: unknown): string => {
  const said: Array<string> = []
  for (let one = failure; one instanceof Error && said.length < causesToldMax; one = one.cause)
    if (one.message !== "" && !said.includes(one.message)) said.push(one.message)
  return failure instanceof Error ? said.join(": ") : String(failure)
}

const tagOf = (failure: unknown): string => {
  if (Predicate.hasProperty(failure, "_tag")) return String(failure._tag)
  return failure instanceof Error ? failure.name : "Defect"
}

/**
 * What a failure means. Total: timeouts are the engine's, so the policy does not know them; a policy that throws has a
 * bug, and so has what it judged.
 */
export const classOfCause = (policy: RetryPolicy, cause: Cause.Cause<unknown>): FailureClass => {
  const error = Cause.findErrorOption(cause)
  if (Option.isNone(error)) return "poison"
  if (isInfrastructure(error.value)) return "retryable"
  const own = policy.byTag[tagOf(error.value)]?.class
  if (own !== undefined) return own
  if (Cause.isTimeoutError(error.value) || error.value instanceof TransactionIdle) return "retryable"
  return Result.getOrElse(
    Result.try(() => policy.classify(error.value)),
    () => "poison"
  )
}

/** When a policy tries again. */
export type RetrySchedules = Pick<RetryPolicy, "schedule" | "byTag">

/** What is no failure of the handler's, and not the policy's to judge. */
export const isInfrastructure = (error: unknown): boolean =>
  error instanceof NotBegun ||
  error instanceof StoreUnavailable ||
  error instanceof LeaseLost ||
  error instanceof KeyChanged

/** Steps through a policy's schedules, once per failure: the delay until the next attempt, or none when it has ended. */
export type RetrySteps = (tag: string, error: unknown, nowMs: number) => Effect.Effect<Option.Option<Duration.Duration>>

/** A fresh run of the policy's schedules. They only say how long to wait; `toStepWithMetadata` would also do the waiting. */
export const retrySteps = (policy: RetrySchedules): RetrySteps => {
  const running = new Map<Schedule.Schedule<unknown, unknown>, Step>()
  return Effect.fnUntraced(function* (tag, error, nowMs) {
    const schedule = policy.byTag[tag]?.schedule ?? policy.schedule
    const step = running.get(schedule) ?? (yield* Schedule.toStep(schedule))
    running.set(schedule, step)
    return yield* step(nowMs, error).pipe(
      Effect.map(([, delay]) => Option.some(delay)),
      Pull.catchDone(() => Effect.succeedNone),
      // A schedule that throws has a bug, and would throw at every attempt: it counts as ended.
      Effect.catchDefect(() => Effect.succeedNone)
    )
  })
}

type Step = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, unknown, never, never>>>

/**
 * The same after attempts that were made before, perhaps by another process: the schedules are led through them again, by
 * their own times. What they failed with is not kept, so a schedule that looks at its input sees undefined.
 */
export const retryStepsAfter = Effect.fnUntraced(function* (
  policy: RetrySchedules,
  attempts: number,
  history: ReadonlyArray<FailedAttempt>
) {
  const steps = retrySteps(policy)
  const [oldest] = history
  const unknown = Math.max(0, attempts - history.length)
  for (let i = 0; i < unknown; i++) yield* steps("", undefined, oldest?.atMs ?? (yield* Clock.currentTimeMillis))
  for (const { atMs, tag } of history) yield* steps(tag, undefined, atMs)
  return steps
})

/** The newest attempts, oldest first. */
export const remembered = (history: ReadonlyArray<FailedAttempt>, failed: FailedAttempt) =>
  [...history, failed].slice(-attemptsKeptMax)

/** Why an event is put aside, and for how long. */
export const reasonFor = (
  { failed, stack }: Failure,
  history: ReadonlyArray<FailedAttempt>,
  retryInMs: number | undefined
): ParkReason => ({
  tag: failed.tag,
  message: failed.message,
  stack,
  attempts: failed.attempt,
  history,
  retryInMs
})
