import { Context, type Effect } from "effect"
import type { StoreUnavailable } from "./PipelineError.ts"

/**
 * Runs effects in one transaction of the store that holds the outbox.
 *
 * Guarantees: all or nothing; a failure, a defect or an interruption rolls back. A lost connection is a typed
 * `StoreUnavailable`, and then whether the transaction committed is unknown. Nested runs join as savepoints.
 *
 * In Postgres it is the same as the client's own `withTransaction`; in memory it is the only one there is.
 *
 * ```ts
 * import { Console, Effect } from "effect"
 * import { Transactor } from "millrace"
 * import { deposit } from "./accounts.ts"
 *
 * const twice = Effect.gen(function* () {
 *   const { afterCommit, run } = yield* Transactor
 *   yield* run(
 *     Effect.gen(function* () {
 *       yield* deposit("ada", 500)
 *       yield* deposit("bob", 500)
 *       yield* afterCommit(Console.log("both, or none"))
 *     })
 *   )
 * })
 * ```
 */
export class Transactor extends Context.Service<
  Transactor,
  {
    readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | StoreUnavailable, R>
    /** Runs once the open transaction has committed, never when it rolled back; at once when none is open. */
    readonly afterCommit: (effect: Effect.Effect<void>) => Effect.Effect<void>
    /** Runs when the open transaction rolls back, newest first: for state that is kept outside the store. */
    readonly onRollback: (effect: Effect.Effect<void>) => Effect.Effect<void>
  }
>()("millrace/pipeline/Transactor") {}
