import { Context, type Effect } from "effect"
import type { StoredEvent } from "./Envelope.ts"
import type { Claim } from "./Ownership.ts"
import type { ParkedEvent } from "./Parked.ts"
import type { EventTaken, StoreUnavailable, TransactionIdle } from "./PipelineError.ts"

/** Where a handler's shared consumer begins. */
export interface SharedStart {
  /** Raised whenever the stream was turned back: sequences of before mean nothing behind it. */
  readonly generation: number
  /** Everything up to here is handled. */
  readonly afterSeq: number
}

/** An event and its place. */
export interface LedgerEntry {
  readonly stored: StoredEvent
  readonly partition: number
  /** Of the consumer it came from. */
  readonly generation: number
}

/** What one commit of a balanced handler writes besides its effects. */
export interface LedgerCommit {
  readonly stream: string
  readonly handler: string
  /** Everything that is done with it: handled, not of the handler's types, or put aside. */
  readonly done: ReadonlyArray<LedgerEntry>
  /** Those of them that are put aside. */
  readonly parked: ReadonlyArray<ParkedEvent>
}

/** Up to where everything is handled, as one instance knows it, for the partitions it owns. */
export interface Advance extends SharedStart {
  readonly claims: ReadonlyArray<Claim>
  /** The stream still begins with its first event: a key whose first is missing has lost it. */
  readonly isWhole: boolean
}

/** Events of a key that are behind the floor and were never handled. */
export interface LedgerGap {
  readonly key: string
  readonly handledVersion: number
  /** The next one that was handled. */
  readonly version: number
}

/**
 * Which events a balanced handler has handled, each by its key and version.
 *
 * Guarantees: an event is entered once, whoever has it in hand; effects, entries and events put aside commit together or
 * not at all. It grows with the keys, not with the events: what is behind the floor is one version per key.
 */
export class EventLedger extends Context.Service<
  EventLedger,
  {
    readonly start: (stream: string, handler: string) => Effect.Effect<SharedStart, StoreUnavailable>
    /** Whether each of these is done, in the order asked. */
    readonly isDone: (
      stream: string,
      handler: string,
      events: ReadonlyArray<StoredEvent>
    ) => Effect.Effect<ReadonlyArray<boolean>, StoreUnavailable>
    /** Runs the effects and enters what goes with them. Was any of it entered before, nothing is written. */
    readonly commit: <E, R>(
      commit: LedgerCommit,
      effects: Effect.Effect<void, E, R>
    ) => Effect.Effect<void, E | EventTaken | StoreUnavailable | TransactionIdle, R>
    /** Enters what was done outside. What was entered before stays as it is, and is not put aside again. */
    readonly record: (commit: LedgerCommit) => Effect.Effect<void, StoreUnavailable>
    /**
     * Moves the floor of these partitions forward, and sums up what is behind it. Claims that were lost or opened anew, and
     * floors of another generation, move nothing. Returns what is missing; it is kept as evidence.
     */
    readonly advance: (advance: Advance) => Effect.Effect<ReadonlyArray<LedgerGap>, StoreUnavailable>
  }
>()("millrace/pipeline/EventLedger") {}
