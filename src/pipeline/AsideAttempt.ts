import { Cause, Clock, Duration, Effect, Exit, Option, Result } from "effect"
import { type Failure, failureOf, isInfrastructure, retryStepsAfter } from "./Attempt.ts"
import type { StoredEvent } from "./Envelope.ts"
import type { Claim } from "./Ownership.ts"
import { handlerFailure } from "./handlerFailure.ts"
import { deliveryOf } from "./Lanes.ts"
import type { FailedAttempt } from "./Parked.ts"
import { type AsideDone, ParkingLot } from "./ParkingLot.ts"
import { readableInMs, withoutNewer } from "./newerEvents.ts"
import { NotBegun, unlessNotBegun } from "./NotBegun.ts"
import type { KeyChanged, LeaseLost, StoreUnavailable, Unreadable } from "./PipelineError.ts"
import { runDelivery } from "./runDelivery.ts"
import type { RunnerContext } from "./Runner.ts"
import { sayHandled } from "./sayHandled.ts"
import { signal } from "./Signals.ts"

/** An event that was put aside, and what was tried so far. */
export interface AsideTry {
  /** The name it was put aside under. */
  readonly key: string
  readonly stored: StoredEvent
  readonly generation: number
  /** Attempts that were begun before. */
  readonly attempts: number
  readonly history: ReadonlyArray<FailedAttempt>
  /** Nothing is behind it: with it, its key goes back to the live flow. */
  readonly last: boolean
}

/** What an attempt at an event that was put aside works with. */
export type AsideContext<E> = Pick<
  RunnerContext<E>,
  "claim" | "instance" | "handler" | "gate" | "suspicion" | "draining"
>

/** Takes an event away that has no effects to wait for. */
export const settleWithout = (
  lot: ParkingLot["Service"],
  claim: Claim,
  done: AsideDone
): Effect.Effect<void, KeyChanged | LeaseLost | StoreUnavailable> =>
  // Nothing of it can leave a transaction idle.
  Effect.catchTag(lot.settle(claim, done, Effect.void), "TransactionIdle", Effect.die)

/** One attempt that was never heard of again may be an answer of the store that was lost; two are taken for what they look like. */
const unheardMax = 2

/**
 * One attempt at an event that was put aside. True: it is done, and committed. False: its key waits, for its next attempt
 * or for somebody.
 *
 * Guarantees: the attempt is counted before it is made; once as many as the policy allows were begun, the last of which
 * were never heard of again, the process ended with them, and none is made again.
 */
export const makeAsideAttempt = Effect.fnUntraced(function* <E>(context: AsideContext<E>) {
  const lot = yield* ParkingLot
  const failures = makeFailures(context, lot)
  const { claim, handler } = context
  const { retry } = handler

  /** An attempt that the gate did not count is taken back: the key stays due. */
  const run = Effect.fnUntraced(function* (one: AsideTry, event: unknown) {
    const { attempts, generation, key, last, stored } = one
    const done: AsideDone = { key, generation, version: stored.version, last }
    const delivery = { ...deliveryOf(handler, stored, event, generation), attempt: attempts + 1 }
    const isOutside = handler.mode === "external"
    const effects = runDelivery(handler, delivery)
    const beganMs = yield* Clock.currentTimeMillis
    const { counts, exit, held } = yield* counted(
      context,
      lot,
      one,
      isOutside ? effects : lot.settle(claim, done, effects)
    )
    // It stays due.
    if (held) return false
    if (Exit.isSuccess(exit)) {
      if (isOutside) yield* settleWithout(lot, claim, done)
      yield* sayHandled(claim.handler, claim.partition, [stored], beganMs)
      return true
    }
    const cause = yield* unlessNotBegun(exit.cause)
    const own = isOutside ? cause : yield* handlerFailure(cause)
    if (counts) return yield* failures.failed(one, own)
    yield* lot.withdraw(claim, done)
    return false
  })

  const tryOne = Effect.fnUntraced(function* (one: AsideTry) {
    const { attempts, generation, key, last, stored } = one
    const { version } = stored
    if (attempts >= retry.attemptsMax && unheardOf(one) >= unheardMax) return yield* failures.endedItsProcess(one)
    if (!handler.types.has(stored.type)) {
      yield* settleWithout(lot, claim, { key, generation, version, last })
      return true
    }
    const decoded = handler.decode(stored)
    if (Result.isFailure(decoded)) return yield* failures.unreadable(one, decoded.failure)
    return yield* run(one, decoded.success)
  })

  // Somebody acted on the key meanwhile: what is right for it now is read by whoever is woken next.
  return (one: AsideTry): Effect.Effect<boolean, LeaseLost | StoreUnavailable> =>
    Effect.catchTag(tryOne(one), "KeyChanged", () => Effect.succeed(false))
})

/** Through the gate, and counted before it is made. One that is broken off has not failed, and is taken back. */
const counted = <E, A, F, R>(
  { claim, draining, gate, suspicion }: AsideContext<E>,
  lot: ParkingLot["Service"],
  one: AsideTry,
  attempt: Effect.Effect<A, F, R>
) => {
  const of = { key: one.key, generation: one.generation }
  const begun = { yet: false }
  const whole = Effect.gen(function* () {
    yield* Effect.mapError(lot.begin(claim, of), (error) => new NotBegun(error))
    begun.yet = true
    return yield* attempt
  })
  // The attempt before was never heard of again: it may be what ended the process.
  const careful = unheardOf(one) > 0 ? suspicion.alone(whole) : suspicion.beside(whole)
  const withdraw = Effect.suspend(() => (begun.yet ? Effect.ignore(lot.withdraw(claim, of)) : Effect.void))
  return gate.attempt({ key: of.key, fresh: false }, careful, draining).pipe(
    // Broken off, or the store came between: the process lives, and the attempt has not failed.
    Effect.onInterrupt(() => withdraw),
    Effect.tap(({ exit }) =>
      Exit.isFailure(exit) && Option.exists(Cause.findErrorOption(exit.cause), isInfrastructure)
        ? withdraw
        : Effect.void
    )
  )
}

/** What follows a failed attempt: the key waits for its next one, or for somebody. False, always: it is not done. */
const makeFailures = <E>({ claim, handler, instance }: AsideContext<E>, lot: ParkingLot["Service"]) => {
  const { retry } = handler

  const waitOf = Effect.fnUntraced(function* (
    { attempts, history }: AsideTry,
    { class: kind, error, failed }: Failure
  ) {
    if (kind === "poison") return undefined
    const steps = yield* retryStepsAfter(retry, attempts, withoutNewer(history))
    const delay = yield* steps(failed.tag, error, failed.atMs)
    return Option.getOrUndefined(Option.map(delay, Duration.toMillis))
  })

  const wait = Effect.fnUntraced(function* (one: AsideTry, failure: Failure, retryInMs: number | undefined) {
    const { generation, key, stored } = one
    const { failed, stack } = failure
    const of = { key, generation }
    yield* lot.failed(claim, of, { version: stored.version, failed, stack, retryInMs })
    yield* signal(failedSignal(claim, stored, failure, retryInMs))
    return false
  })

  const giveUp = (one: AsideTry, failure: Failure) =>
    Effect.flatMap(waitOf(one, failure), (retryInMs) => wait(one, failure, retryInMs))

  return {
    failed: (one: AsideTry, cause: Cause.Cause<unknown>) =>
      Effect.flatMap(failureOf(retry, cause, one.attempts + 1, instance), (failure) => giveUp(one, failure)),
    unreadable: (one: AsideTry, error: Unreadable) =>
      Effect.flatMap(failureOf(retry, Cause.fail(error), one.attempts, instance), (failure) =>
        wait(one, failure, readableInMs(error, one.history))
      ),
    endedItsProcess: Effect.fnUntraced(function* (one: AsideTry) {
      const message = `its process ended during the last of ${one.attempts} attempts`
      const atMs = yield* Clock.currentTimeMillis
      const failed = { attempt: one.attempts, atMs, tag: "ProcessEnded", message, instance }
      return yield* giveUp(one, { class: "poison", failed, stack: "", error: undefined })
    })
  }
}

/** Attempts that were begun since the last one that failed, and never heard of again. */
const unheardOf = ({ attempts, history }: AsideTry) => attempts - (history.at(-1)?.attempt ?? 0)

/** What is said of a failed attempt. */
export const failedSignal = (
  { handler, partition }: Pick<Claim, "handler" | "partition">,
  { key, version }: StoredEvent,
  { failed, stack }: Failure,
  retryInMs: number | undefined
) =>
  retryInMs === undefined
    ? ({
        _tag: "KeyParked",
        handler,
        partition,
        key,
        version,
        reason: { tag: failed.tag, message: failed.message, stack, attempts: failed.attempt, history: [], retryInMs }
      } as const)
    : ({
        _tag: "AttemptFailed",
        handler,
        partition,
        key,
        attempt: failed.attempt,
        retryInMs: Math.round(retryInMs),
        reason: `${failed.tag}: ${failed.message}`
      } as const)
