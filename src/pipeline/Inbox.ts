import { Context, type Effect } from "effect"
import type { StoredEvent } from "./Envelope.ts"
import type { Claim } from "./Ownership.ts"
import type { ParkedEvent } from "./Parked.ts"
import type { LeaseLost, StoreUnavailable, TransactionIdle } from "./PipelineError.ts"

/** How far a handler got with a key. */
export interface KeyProgress {
  /** Last version handled or parked; 0: none. */
  readonly version: number
  /** The key is parked for this handler: what arrives is parked behind it. */
  readonly parked: boolean
}

/** A key's move, guarded: it applies only when the key is still at `from`. */
export interface ProgressMove {
  readonly key: string
  readonly from: number
  readonly to: number
  /** From now on the key is parked for this handler. */
  readonly parked: boolean
}

/** An event that contradicts its key's history: it must never happen, stops the key, and is kept as evidence. */
export interface OrderViolation {
  readonly event: StoredEvent
  readonly handledVersion: number
}

/** What one commit of a partition writes besides the handler's effects. */
export interface InboxCommit {
  readonly claim: Claim
  /** The cursor as this worker knows it, and where it moves to. They may be equal; it is a fence all the same. */
  readonly cursorFrom: number
  readonly cursorTo: number
  readonly moves: ReadonlyArray<ProgressMove>
  readonly parked: ReadonlyArray<ParkedEvent>
  readonly violations: ReadonlyArray<OrderViolation>
}

/**
 * The inbox of all handlers: key progress and cursors, moved in one transaction with the effects.
 *
 * Guarantees: effects, progress, parked events and cursor commit together, under the claim's epoch, or not at all. A
 * claim that was lost, and a key or cursor that moved meanwhile, fail with `LeaseLost` and leave nothing behind.
 */
export class Inbox extends Context.Service<
  Inbox,
  {
    /** Progress of these keys, in the order asked; keys never seen are at version 0. */
    readonly progress: (
      stream: string,
      handler: string,
      keys: ReadonlyArray<string>
    ) => Effect.Effect<ReadonlyArray<KeyProgress>, StoreUnavailable>
    /**
     * Runs the effects and commits what goes with them, for one or several partitions: all of it, or nothing. Effects that
     * leave the transaction idle for too long end it with `TransactionIdle`.
     */
    readonly commit: <E, R>(
      commits: ReadonlyArray<InboxCommit>,
      effects: Effect.Effect<void, E, R>
    ) => Effect.Effect<void, E | LeaseLost | StoreUnavailable | TransactionIdle, R>
    /** The same without effects. */
    readonly commitOne: (commit: InboxCommit) => Effect.Effect<void, LeaseLost | StoreUnavailable>
    /**
     * Commits progress without effects, of several partitions together; none may park or violate. Answers for each
     * whether it landed: one that did not was fenced, and left nothing behind.
     */
    readonly commitGroup: (
      commits: ReadonlyArray<InboxCommit>
    ) => Effect.Effect<ReadonlyArray<boolean>, StoreUnavailable>
  }
>()("millrace/pipeline/Inbox") {}
