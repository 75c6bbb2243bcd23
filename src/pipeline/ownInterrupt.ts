import { Cause, Effect } from "effect"

/**
 * A handler that ends in an interruption nobody asked for (it joined a fiber that was interrupted, say) has a bug: it is
 * made a defect, or its worker would take it for its own end. An interruption from outside passes: nothing runs after it.
 */
export const ownInterruptIsDefect = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.catchCauseIf(effect, Cause.hasInterruptsOnly, () => Effect.die(new Error("the handler interrupted itself")))
