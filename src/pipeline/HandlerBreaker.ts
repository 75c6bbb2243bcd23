import { Clock, Duration, Effect, Exit, type Latch, Layer, Schedule, type Scope } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { signal } from "./Signals.ts"
import { unlessDraining } from "./unlessDraining.ts"

/** When a handler's downstream counts as down, and how long it is left alone. */
export interface BreakerPolicy {
  /** So many keys that failed with no success in between, or a share of failures. A key counts once until something succeeds. */
  readonly trip: CircuitBreaker.TripPolicy
  /** How long it is left alone; then one event tries. A schedule gives each opening in a row its own time. */
  readonly openFor: Duration.Input | Schedule.Schedule<unknown, number>
  /** After so long a breaker that is still open no longer speaks for the events: their attempts count again. */
  readonly blamedMax: Duration.Duration
}

/** Five keys in a row; 1 s, doubling up to 8 s; 15 minutes. */
export const breakerDefault: BreakerPolicy = {
  trip: CircuitBreaker.consecutive(5),
  openFor: Schedule.exponential("1 second").pipe(Schedule.upTo({ times: 4 })),
  blamedMax: Duration.minutes(15)
}

/** How long others wait for the one who tries. */
const trialPause = Duration.millis(100)

/** What became of an attempt. `blamed`: it failed, and the downstream is to blame, not the event. */
export interface ThroughBreaker<A, E> {
  readonly exit: Exit.Exit<A, E>
  readonly blamed: boolean
}

/** What is attempted. `fresh`: for the first time, so that nothing is known against the event. */
export interface AttemptOf {
  readonly key: string
  readonly fresh: boolean
}

/** The circuit breaker of one handler in one process: made by the engine from its `BreakerPolicy`. */
export interface HandlerBreaker {
  /** Waits while the breaker is open, unless it is drained meanwhile, and makes the attempt once. */
  readonly through: <A, E, R>(
    of: AttemptOf,
    attempt: Effect.Effect<A, E, R>,
    draining: Latch.Latch
  ) => Effect.Effect<ThroughBreaker<A, E>, never, R>
}

/**
 * Effect's own CircuitBreaker, which rejects, made to wait. Only first attempts can open it, and a key counts once:
 * some bad orders that are tried again and again, perhaps all in the same second, are not a dead downstream. What is
 * ignored says nothing about the downstream, either way.
 */
export const makeHandlerBreaker = Effect.fnUntraced(function* (
  handler: string,
  { blamedMax, openFor, trip }: BreakerPolicy,
  isIgnored: (exit: Exit.Exit<unknown, unknown>) => boolean
): Effect.fn.Return<HandlerBreaker, never, Scope.Scope> {
  const store = yield* Layer.build(CircuitBreaker.layerStoreMemory())
  const breaker = yield* CircuitBreaker.make({ tripPolicy: trip, openDuration: openFor }).pipe(
    Effect.provideContext(store)
  )
  const health = makeHealth(handler, breaker, blamedMax)
  // Then a success changes nothing, and need not be noted.
  const isQuiet = () => trip._tag === "Consecutive" && health.isGood()

  // Its own failures are values here; what fails is the breaker's rejection, before the attempt was made.
  const admit = <A, E, R>(of: AttemptOf, attempt: Effect.Effect<Exit.Exit<A, E>, never, R>) =>
    breaker.execute(attempt, {
      key: handler,
      classify: (made) =>
        Exit.isSuccess(made) && !isIgnored(made.value)
          ? health.outcomeOf(of, made.value)
          : Effect.succeed(CircuitBreaker.ignored)
    })

  const wait = <A, E, R>(
    of: AttemptOf,
    attempt: Effect.Effect<Exit.Exit<A, E>, never, R>,
    draining: Latch.Latch
  ): Effect.Effect<Exit.Exit<A, E>, never, R> =>
    Effect.catch(admit(of, attempt), ({ reason }) =>
      Effect.andThen(
        unlessDraining(draining, Effect.sleep(pauseOf(reason, health.doubtOf(of)))),
        Effect.suspend(() => wait(of, attempt, draining))
      )
    )

  const through: HandlerBreaker["through"] = Effect.fnUntraced(function* <A, E, R>(
    of: AttemptOf,
    attempt: Effect.Effect<A, E, R>,
    draining: Latch.Latch
  ) {
    const quiet = isQuiet()
    const exit = yield* quiet ? Effect.exit(attempt) : wait(of, Effect.exit(attempt), draining)
    if (Exit.isSuccess(exit)) health.wentWell(of.key)
    if (quiet && Exit.isSuccess(exit)) return { exit, blamed: false }
    if (quiet) yield* Effect.ignore(admit(of, Effect.succeed(exit)))
    const blamed = yield* health.isBlamed
    return { exit, blamed: blamed && Exit.isFailure(exit) }
  })

  return { through }
})

/** Who is let through first: keys that went well before know best whether the downstream is back, those that failed least. */
const pauseOf = (reason: CircuitBreaker.CircuitBreakerErrorReason, doubt: 0 | 1 | 2) => {
  const left = reason._tag === "CircuitOpen" ? Duration.max(reason.retryAfter, shortest) : trialPause
  return Duration.sum(left, Duration.times(trialPause, doubt))
}

/** Keys that went well that are remembered, the latest. */
const goodKeysMax = 100

/** What is left may be less than any clock can wait for. */
const shortest = Duration.millis(5)

/** What is known of a downstream: the keys that failed since it last took something, and since when it is left alone. */
const makeHealth = (handler: string, breaker: CircuitBreaker.CircuitBreaker, blamedMax: Duration.Duration) => {
  const failed = new Set<string>()
  const good = new Set<string>()
  let openedAtMs: number | undefined

  // The store is in memory, and does not fail.
  const isOpen = Effect.map(Effect.orDie(breaker.state(handler)), ({ _tag }) => _tag !== "Closed")

  const outcomeOf = Effect.fnUntraced(function* ({ fresh, key }: AttemptOf, exit: Exit.Exit<unknown, unknown>) {
    if (Exit.isSuccess(exit)) failed.clear()
    if (Exit.isSuccess(exit)) return CircuitBreaker.success
    const counts = fresh && !failed.has(key)
    if (fresh) failed.add(key)
    return counts || (yield* isOpen) ? CircuitBreaker.failure() : CircuitBreaker.ignored
  })

  const say = Effect.fnUntraced(function* (open: boolean) {
    if (open === (openedAtMs !== undefined)) return
    openedAtMs = open ? yield* Clock.currentTimeMillis : undefined
    const reason = `its downstream fails: ${failed.size} keys in a row`
    yield* signal(open ? { _tag: "HandlerPaused", handler, reason } : { _tag: "HandlerResumed", handler })
  })

  const isBlamed = Effect.gen(function* () {
    const open = yield* isOpen
    yield* say(open)
    const openForMs = (yield* Clock.currentTimeMillis) - (openedAtMs ?? 0)
    return open && openForMs < Duration.toMillis(blamedMax)
  })

  const wentWell = (key: string) => {
    if (good.has(key)) return
    good.add(key)
    const [oldest] = good
    if (good.size > goodKeysMax && oldest !== undefined) good.delete(oldest)
  }

  const doubtOf = ({ fresh, key }: AttemptOf) => {
    if (!fresh || failed.has(key)) return 2
    return good.has(key) ? 0 : 1
  }

  const isGood = () => openedAtMs === undefined && failed.size === 0

  return { outcomeOf, isBlamed, wentWell, doubtOf, isGood }
}
