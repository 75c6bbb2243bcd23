import { type Effect, Semaphore } from "effect"

/** As many as could ever run at the same time in one process. */
const everybody = 1_000_000

/**
 * Who may run beside whom, in one process, while something in it may end it. What was begun before and never heard of
 * again runs alone: when the process ends with it, it is known by what, and nothing innocent is counted with it.
 */
export interface Suspicion {
  /** Beside others of its kind. */
  readonly beside: <A, E, R>(attempt: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** With nothing else that is under suspicion, or might be. */
  readonly alone: <A, E, R>(attempt: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** One per process. */
export const makeSuspicion = (): Suspicion => {
  const permits = Semaphore.makeUnsafe(everybody)
  return {
    beside: (attempt) => permits.withPermits(1)(attempt),
    alone: (attempt) => permits.withPermits(everybody)(attempt)
  }
}
