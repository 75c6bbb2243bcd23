import { Cause, Effect, Exit, Latch, Option, type Scope } from "effect"
import { classOfCause, isInfrastructure } from "./Attempt.ts"
import { makeFatalPause } from "./FatalPause.ts"
import type { Handler } from "./Handler.ts"
import { type AttemptOf, makeHandlerBreaker } from "./HandlerBreaker.ts"
import { makePause, type Pause } from "./Pause.ts"
import { signal } from "./Signals.ts"
import { makeThrottle, type RateLimit, rateOf } from "./Throttle.ts"
import { unlessDraining } from "./unlessDraining.ts"

/** What an attempt came to. `counts`: false when the event is not to blame, and the attempt not to be held against it. */
export interface Attempted<A, E> {
  readonly exit: Exit.Exit<A, E>
  readonly counts: boolean
  /** Set when its partition was paused before its turn came: it was not made. */
  readonly held?: true
}

/**
 * What stands between a handler and its events, one per handler and instance: a circuit breaker, a pause when nothing can
 * succeed, a rate limit, and a stop when too much is parked.
 *
 * Delivery semantics: it never drops or reorders; it lets events wait, and with them the broker.
 */
export interface HandlerGate {
  /** Whether an operator has paused this partition alone, and the end of that: nothing that others need is held meanwhile. */
  readonly isPaused: () => boolean
  readonly unpaused: Effect.Effect<void>
  /** Waits while too much is parked. */
  readonly ready: Effect.Effect<void>
  /** Waits for its turn, unless it is drained meanwhile, and makes the attempt once. */
  readonly attempt: <A, E, R>(
    of: AttemptOf,
    run: Effect.Effect<A, E, R>,
    draining: Latch.Latch
  ) => Effect.Effect<Attempted<A, E>, never, R>
  /** The same for a batch of so many events, whose failures are not those of a downstream. */
  readonly batch: <A, E, R>(
    events: number,
    run: Effect.Effect<A, E, R>,
    draining: Latch.Latch
  ) => Effect.Effect<A, E, R>
  /** A batch has failed. True: one of its events is to blame; false: none is, and all of them come again. */
  readonly isToBlame: (cause: Cause.Cause<unknown>) => Effect.Effect<boolean>
  /** Why too much is parked; undefined: it is not, or no longer. */
  readonly parkingFull: (reason: string | undefined) => Effect.Effect<void>
  /** What an operator wants: nothing new to begin, so many events a second. */
  readonly control: (paused: boolean, perSecond: number | undefined) => Effect.Effect<void>
  /** Events that go together, at most, for the sake of a throttle. */
  readonly togetherMax: () => number
}

/**
 * The gate of one partition, which may be paused by itself. Whoever waits for the end of that is nobody's turn: the one try
 * that all partitions of the handler wait for, after a fatal failure or with an open breaker, is left to another one.
 */
export const withPause = (gate: HandlerGate, pause: Pause): HandlerGate => {
  const batch = <A, E, R>(events: number, run: Effect.Effect<A, E, R>, draining: Latch.Latch): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      const { isHeld, unlessHeld } = untilPaused(pause, run)
      return pause
        .around(draining, gate.batch(events, unlessHeld, draining))
        .pipe(Effect.catchCauseIf(isHeld, () => batch(events, run, draining)))
    })
  return {
    ...gate,
    isPaused: pause.isOn,
    unpaused: pause.over,
    attempt: (of, run, draining) =>
      Effect.suspend(() => {
        const { isHeld, unlessHeld } = untilPaused(pause, run)
        return Effect.map(gate.attempt(of, unlessHeld, draining), (made) =>
          isHeld() ? { ...made, counts: false, held: true as const } : made
        )
      }),
    batch
  }
}

/** Not begun any more, once it is paused. */
const untilPaused = <A, E, R>(pause: Pause, run: Effect.Effect<A, E, R>) => {
  const state = { held: false }
  return {
    isHeld: () => state.held,
    unlessHeld: Effect.suspend(() => {
      state.held = pause.isOn()
      return state.held ? Effect.interrupt : run
    })
  }
}

const neverPaused = { isPaused: () => false, unpaused: Effect.void }

/** The gate of a handler. */
export const makeHandlerGate = Effect.fnUntraced(function* <E>(
  handler: Handler<E>
): Effect.fn.Return<HandlerGate, never, Scope.Scope> {
  const { breaker, name, rate, retry } = handler
  const isFatal = (exit: Exit.Exit<unknown, unknown>) =>
    Exit.isFailure(exit) && classOfCause(retry, exit.cause) === "fatal"
  /** What says nothing about a downstream. */
  const isAside = (exit: Exit.Exit<unknown, unknown>) => isFatal(exit) || isUnsaid(exit)
  const { throttle, togetherMax, turnOf } = yield* makeTurns(name, rate)
  const downstream = breaker === undefined ? undefined : yield* makeHandlerBreaker(name, breaker, isAside)
  const pause = makeFatalPause(name)
  const parking = yield* makeStop(name)
  const operator = yield* makePause

  const enter = <A, F, R>(events: number, run: Effect.Effect<A, F, R>, draining: Latch.Latch) =>
    pause.pass(
      draining,
      Effect.suspend(() =>
        togetherMax() === Number.POSITIVE_INFINITY ? run : Effect.andThen(unlessDraining(draining, turnOf(events)), run)
      )
    )

  /** What it says of the handler as a whole. True: no event can get around it. */
  const cameOf = (exit: Exit.Exit<unknown, unknown>) => {
    if (isUnsaid(exit)) return Effect.succeed(false)
    const fatal = Exit.isFailure(exit) && isFatal(exit) ? String(Cause.squash(exit.cause)) : undefined
    return Effect.as(pause.came(fatal), fatal !== undefined)
  }

  const make = Effect.fnUntraced(function* <A, F, R>(
    of: AttemptOf,
    run: Effect.Effect<A, F, R>,
    draining: Latch.Latch
  ) {
    const { blamed, exit } =
      downstream === undefined
        ? { exit: yield* Effect.exit(run), blamed: false }
        : yield* downstream.through(of, run, draining)
    const wasFatal = yield* cameOf(exit)
    const isPoison = Exit.isFailure(exit) && classOfCause(retry, exit.cause) === "poison"
    return { exit, counts: isPoison || !(blamed || wasFatal) }
  })

  return {
    ...neverPaused,
    ready: parking.pass,
    attempt: (of, run, draining) => enter(1, make(of, operator.around(draining, run), draining), draining),
    batch: (events, run, draining) =>
      enter(
        events,
        Effect.tap(operator.around(draining, run), () => pause.came(undefined)),
        draining
      ),
    isToBlame: (cause) => Effect.map(cameOf(Exit.failCause(cause)), (wasFatal) => !wasFatal),
    parkingFull: parking.stop,
    control: (paused, perSecond) =>
      Effect.andThen(operator.set(paused), throttle.set(perSecond === undefined ? undefined : rateOf(perSecond))),
    togetherMax
  }
})

/** When a handler's events have their turn: by its own limit, and by an operator's. */
const makeTurns = Effect.fnUntraced(function* (name: string, rate: RateLimit | undefined) {
  const limit = yield* makeThrottle(name)
  const throttle = yield* makeThrottle(name)
  yield* limit.set(rate)
  return {
    throttle,
    togetherMax: () => Math.min(limit.togetherMax(), throttle.togetherMax()),
    turnOf: (events: number) => Effect.andThen(limit.wait(events), throttle.wait(events))
  }
})

/** It was broken off, or the store came between: the handler has not said anything. */
const isUnsaid = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) &&
  (Cause.hasInterruptsOnly(exit.cause) || Option.exists(Cause.findErrorOption(exit.cause), isInfrastructure))

const makeStop = Effect.fnUntraced(function* (handler: string) {
  const open = yield* Latch.make(true)
  let isStopped = false
  return {
    pass: Effect.suspend(() => (isStopped ? open.await : Effect.void)),
    stop: Effect.fnUntraced(function* (reason: string | undefined) {
      if (isStopped === (reason !== undefined)) return
      isStopped = reason !== undefined
      yield* isStopped ? open.close : open.open
      yield* signal(
        reason === undefined ? { _tag: "HandlerResumed", handler } : { _tag: "HandlerPaused", handler, reason }
      )
    })
  }
})
