import { Effect, type Latch } from "effect"

/** Waits for something that is not under way yet: a drain interrupts it, where an attempt that was begun is finished. */
export const unlessDraining = <A, E, R>(draining: Latch.Latch, wait: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.raceFirst(wait, Effect.andThen(draining.await, Effect.interrupt))
