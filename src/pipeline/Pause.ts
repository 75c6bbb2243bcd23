import { Effect, Latch } from "effect"
import { unlessDraining } from "./unlessDraining.ts"

/** Lets nothing new begin for as long as an operator wants it; what was begun is finished. */
export interface Pause {
  readonly set: (paused: boolean) => Effect.Effect<void>
  readonly isOn: () => boolean
  /** Waits for the end of it. */
  readonly over: Effect.Effect<void>
  /** Waits for the end of it, unless it is drained meanwhile. Costs nothing while there is none. */
  readonly around: <A, E, R>(draining: Latch.Latch, run: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** None, at first. */
export const makePause: Effect.Effect<Pause> = Effect.map(Latch.make(true), (open) => {
  let isPaused = false
  return {
    set: (paused) =>
      Effect.suspend(() => {
        isPaused = paused
        return Effect.asVoid(paused ? open.close : open.open)
      }),
    isOn: () => isPaused,
    over: Effect.suspend(() => (isPaused ? Effect.asVoid(open.await) : Effect.void)),
    around: (draining, run) =>
      Effect.suspend(() => (isPaused ? Effect.andThen(unlessDraining(draining, open.await), run) : run))
  }
})
