import { Duration, Effect, Latch, Layer, type Scope } from "effect"
import { RateLimiter } from "effect/persistence"

/** So many events in so much time, per instance; what is too much waits. */
export interface RateLimit {
  readonly events: number
  /** The time in which so many may begin, such as `"1 second"`. */
  readonly per: Duration.Input
}

/** Lets so many events through in a time. */
export interface Throttle {
  /** From now on; undefined: as fast as it can. What waits by what was said before, waits no longer. */
  readonly set: (rate: RateLimit | undefined) => Effect.Effect<void>
  /** Waits for the turn of so many. */
  readonly wait: (events: number) => Effect.Effect<void>
  /** Events that go together, at most; infinite when there is no limit. */
  readonly togetherMax: () => number
}

interface Limit {
  readonly limit: number
  readonly windowMs: number
  readonly ended: Latch.Latch
}

/** The throttle of a handler in one instance: none, at first. */
export const makeThrottle = Effect.fnUntraced(function* (
  handler: string
): Effect.fn.Return<Throttle, never, Scope.Scope> {
  const store = yield* Layer.build(RateLimiter.layerStoreMemory)
  const limiter = yield* RateLimiter.make.pipe(Effect.provideContext(store))
  let now: Limit | undefined

  // The store is in memory, and does not fail.
  const take = ({ limit, windowMs }: Limit, tokens: number) =>
    Effect.orDie(
      RateLimiter.sleep(limiter, {
        algorithm: "token-bucket",
        key: `${handler} ${limit} ${windowMs}`,
        window: windowMs,
        limit,
        tokens
      })
    )

  // A batch larger than the limit waits for one limit after the other.
  const takeAll = Effect.fnUntraced(function* (by: Limit, events: number) {
    for (let left = events; left > 0; left -= by.limit) yield* take(by, Math.min(left, by.limit))
  })

  return {
    set: Effect.fnUntraced(function* (rate) {
      const windowMs = rate === undefined ? undefined : Duration.toMillis(Duration.fromInputUnsafe(rate.per))
      if (rate?.events === now?.limit && windowMs === now?.windowMs) return
      const before = now
      now =
        rate === undefined || windowMs === undefined
          ? undefined
          : { limit: rate.events, windowMs, ended: yield* Latch.make(false) }
      if (before !== undefined) yield* before.ended.open
    }),
    wait: (events) =>
      Effect.suspend(() => (now === undefined ? Effect.void : Effect.raceFirst(takeAll(now, events), now.ended.await))),
    togetherMax: () => now?.limit ?? Number.POSITIVE_INFINITY
  }
})

/** Events a second as a limit; slower than one a second is one in a longer time. */
export const rateOf = (perSecond: number): RateLimit => {
  const events = Math.max(1, Math.floor(perSecond))
  return { events, per: (events * 1_000) / perSecond }
}
