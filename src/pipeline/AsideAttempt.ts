import { Cause, Clock, Duration, Effect, Exit, Option, Result } from "effect"
import { type Failure, failureOf, retryStepsAfter } from "./Attempt.ts"
import type { StoredEvent } from "./Envelope.ts"
import type { Claim } from "./Ownership.ts"
import { handlerFailure } from "./handlerFailure.ts"
import { deliveryOf } from "./Lanes.ts"
import type { FailedAttempt } from "./Parked.ts"
import { type AsideDone, ParkingLot } from "./ParkingLot.ts"
import type { LeaseLost, StoreUnavailable } from "./PipelineError.ts"
import { runDelivery } from "./runDelivery.ts"
import type { RunnerContext } from "./Runner.ts"
import { signal } from "./Signals.ts"

/** An event that was put aside, and what was tried so far. */
export interface AsideTry {
  readonly stored: StoredEvent
  readonly generation: number
  /** Attempts that were begun before. */
  readonly attempts: number
  readonly history: ReadonlyArray<FailedAttempt>
  /** Nothing is behind it: with it, its key goes back to the live flow. */
  readonly last: boolean
}

/** Takes an event away that has no effects to wait for. */
export const settleWithout = (
  lot: ParkingLot["Service"],
  claim: Claim,
  done: AsideDone
): Effect.Effect<void, LeaseLost | StoreUnavailable> =>
  // Nothing of it can leave a transaction idle.
  Effect.catchTag(lot.settle(claim, done, Effect.void), "TransactionIdle", Effect.die)

/**
 * One attempt at an event that was put aside. True: it is done, and committed. False: its key waits, for its next attempt
 * or for somebody.
 *
 * Guarantees: the attempt is counted before it is made; once as many as the policy allows were begun, the last of which
 * was never heard of again, the process ended with it, and it is not made again.
 */
export const makeAsideAttempt = Effect.fnUntraced(function* <E>(context: RunnerContext<E>) {
  const lot = yield* ParkingLot
  const { alone, claim, handler, instance } = context
  const { retry } = handler

  const giveUp = Effect.fnUntraced(function* ({ attempts, history, stored }: AsideTry, failure: Failure) {
    const { failed, stack } = failure
    const steps = yield* retryStepsAfter(retry, attempts, history)
    const delay = failure.class === "poison" ? Option.none() : yield* steps(failed.tag, failure.error, failed.atMs)
    const retryInMs = Option.getOrUndefined(Option.map(delay, Duration.toMillis))
    yield* lot.failed(claim, stored.key, { version: stored.version, failed, stack, retryInMs })
    yield* signal(failedSignal(handler.name, stored, failure, retryInMs))
    return false
  })

  const fail = (one: AsideTry, cause: Cause.Cause<unknown>) =>
    Effect.flatMap(failureOf(retry, cause, one.attempts + 1, instance), (failure) => giveUp(one, failure))

  const endedItsProcess = Effect.fnUntraced(function* (one: AsideTry) {
    const message = `its process ended during the last of ${one.attempts} attempts`
    const atMs = yield* Clock.currentTimeMillis
    const failed = { attempt: one.attempts, atMs, tag: "ProcessEnded", message, instance }
    return yield* giveUp(one, { class: "poison", failed, stack: "", error: undefined })
  })

  const run = Effect.fnUntraced(function* (one: AsideTry, event: unknown) {
    const { attempts, generation, last, stored } = one
    const { key, version } = stored
    const done: AsideDone = { key, version, last }
    const delivery = { ...deliveryOf(handler, stored, event, generation), attempt: attempts + 1 }
    yield* lot.begin(claim, key)
    const effects = runDelivery(handler, delivery)
    const isOutside = handler.mode === "external"
    const exit = yield* Effect.exit(isOutside ? effects : lot.settle(claim, done, effects)).pipe(
      // It was broken off, it has not failed.
      Effect.onInterrupt(() => Effect.ignore(lot.withdraw(claim, key)))
    )
    if (Exit.isFailure(exit)) return yield* fail(one, yield* isOutside ? own(exit.cause) : handlerFailure(exit.cause))
    if (isOutside) yield* settleWithout(lot, claim, done)
    return true
  })

  return Effect.fnUntraced(function* (one: AsideTry): Effect.fn.Return<boolean, LeaseLost | StoreUnavailable> {
    const { attempts, last, stored } = one
    if (attempts >= retry.attemptsMax && attempts > lastFailed(one)) return yield* endedItsProcess(one)
    if (!handler.types.has(stored.type)) {
      yield* settleWithout(lot, claim, { key: stored.key, version: stored.version, last })
      return true
    }
    const decoded = handler.decode(stored)
    if (Result.isFailure(decoded))
      return yield* Effect.flatMap(failureOf(retry, Cause.fail(decoded.failure), attempts, instance), (failure) =>
        giveUp(one, { ...failure, class: "poison" })
      )
    // The attempt before was never heard of again: it may be what ended the process.
    return yield* attempts > lastFailed(one) ? alone.withPermit(run(one, decoded.success)) : run(one, decoded.success)
  })
})

const lastFailed = ({ history }: AsideTry) => history.at(-1)?.attempt ?? 0

const own = (cause: Cause.Cause<unknown>) => (Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.succeed(cause))

const failedSignal = (
  handler: string,
  { key, version }: StoredEvent,
  { failed, stack }: Failure,
  retryInMs: number | undefined
) =>
  retryInMs === undefined
    ? ({
        _tag: "KeyParked",
        handler,
        key,
        version,
        reason: { tag: failed.tag, message: failed.message, stack, attempts: failed.attempt, history: [], retryInMs }
      } as const)
    : ({
        _tag: "AttemptFailed",
        handler,
        key,
        attempt: failed.attempt,
        retryInMs: Math.round(retryInMs),
        reason: `${failed.tag}: ${failed.message}`
      } as const)
