import { Clock, Duration, Effect, type Latch } from "effect"
import { unlessDraining } from "./unlessDraining.ts"
import { signal } from "./Signals.ts"

/** A pause for a handler whose events cannot succeed, whichever it is: a wrong password, say. */
export interface FatalPause {
  /** Waits while it lasts; then it is over, or this caller is the one who tries, and the others wait until it is heard of. */
  readonly pass: <A, E, R>(draining: Latch.Latch, run: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** What came of it: `fatal` in words, or undefined when it was anything else. */
  readonly came: (fatal: string | undefined) => Effect.Effect<void>
}

/** How long a handler rests after a fatal failure; then one event tries. */
export const fatalPause = Duration.seconds(30)

/** How long others wait for the one who tries. */
const trialPause = Duration.millis(100)

/** Nobody rests before the first fatal failure, and that costs nothing. */
export const makeFatalPause = (handler: string): FatalPause => {
  const state: { untilMs: number | undefined; trying: boolean } = { untilMs: undefined, trying: false }

  const pass: FatalPause["pass"] = (draining, run) =>
    Effect.suspend(() => (state.untilMs === undefined ? run : wait(draining, run)))

  const wait: FatalPause["pass"] = (draining, run) =>
    Effect.flatMap(Clock.currentTimeMillis, (nowMs) => {
      const leftMs = (state.untilMs ?? 0) - nowMs
      if (leftMs <= 0 && !state.trying) return trial(run)
      return Effect.andThen(
        unlessDraining(draining, Effect.sleep(leftMs > 0 ? leftMs : trialPause)),
        pass(draining, run)
      )
    })

  // One that is broken off, or that the store comes between, says nothing: somebody else tries.
  const trial = <A, E, R>(run: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      state.trying = true
      return Effect.ensuring(
        run,
        Effect.sync(() => (state.trying = false))
      )
    })

  const begin = Effect.fnUntraced(function* (reason: string) {
    const isNew = state.untilMs === undefined
    state.untilMs = (yield* Clock.currentTimeMillis) + Duration.toMillis(fatalPause)
    state.trying = false
    if (isNew) yield* signal({ _tag: "HandlerPaused", handler, reason })
  })

  const end = Effect.suspend(() => {
    if (state.untilMs === undefined) return Effect.void
    state.untilMs = undefined
    state.trying = false
    return signal({ _tag: "HandlerResumed", handler })
  })

  return { pass, came: (fatal) => (fatal === undefined ? end : begin(fatal)) }
}
