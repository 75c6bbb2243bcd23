import { Context, type Effect } from "effect"
import type { StoreUnavailable, VersionConflict } from "./PipelineError.ts"

/** An event about to be written, as `EventStream.append` makes it: encoded, with its key and that key's hash slot. */
export interface NewEntry {
  readonly eventId: string
  readonly key: string
  readonly slot: number
  readonly type: string
  readonly traceparent: string
  readonly payload: string
}

/** What an append gave an event: its place in its key's history. */
export interface Appended {
  readonly eventId: string
  readonly key: string
  readonly version: number
}

/**
 * The transactional outbox: the only way an event comes into being.
 *
 * Guarantees: entries become visible to the relay if and only if the surrounding transaction commits; the entries of
 * one key are visible in commit order, with versions 1, 2, 3 … without gaps. Appends to one key wait for each other
 * until their transactions end; appends to different keys do not. Several keys are locked in sorted order.
 */
export class Outbox extends Context.Service<
  Outbox,
  {
    /** Writes the entries in the open transaction, and wakes the relay after its commit. Dies when no transaction is open. */
    readonly append: (
      stream: string,
      entries: ReadonlyArray<NewEntry>,
      options: { readonly expectedVersion?: number }
    ) => Effect.Effect<ReadonlyArray<Appended>, VersionConflict | StoreUnavailable>
  }
>()("millrace/pipeline/Outbox") {}
