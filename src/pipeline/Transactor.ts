import { Context, type Effect } from "effect"
import type { StoreUnavailable } from "./PipelineError.ts"

/**
 * Runs effects in one transaction of the store that holds the outbox.
 *
 * Guarantees: all or nothing; a failure, a defect or an interruption rolls back. A lost connection is a typed
 * `StoreUnavailable`, and then whether the transaction committed is unknown. Nested runs join as savepoints.
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
