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
  /** Of the consumer it came from; or `noGeneration`. */
  readonly generation: number
}

/** Of an entry that says nothing about its place: it is done, and never a reason to move a floor or to sum up. */
export const noGeneration = -1

/** What one commit of a balanced handler writes besides its effects. */
export interface LedgerCommit {
  readonly stream: string
  readonly handler: string
  /** Everything that is done with it: handled, not of the handler's types, or put aside. */
  readonly done: ReadonlyArray<LedgerEntry>
  /** Those of them that are put aside. */
  readonly parked: ReadonlyArray<ParkedEvent>
}

/** How far the floor of a handler is to be moved. */
export interface Advance extends SharedStart {
  /** Of the handler's partition 0: its owner moves the floor, for all of them. */
  readonly claim: Claim
  /** The oldest sequence the stream has. */
  readonly firstSeq: number
  /** Every event up to there was looked for in the ledger, one by one, and found. */
  readonly isProven: boolean
}

/**
 * What came of it. `refused`: the claim was lost or opened anew, or the generation is over. `unproven`: the ledger has
 * fewer entries than the stream has events between `afterSeq` and there.
 */
export type Advanced =
  | { readonly _tag: "moved"; readonly gaps: ReadonlyArray<LedgerGap> }
  | { readonly _tag: "refused" }
  | { readonly _tag: "unproven"; readonly afterSeq: number }

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
      events: ReadonlyArray<Pick<StoredEvent, "key" | "version">>
    ) => Effect.Effect<ReadonlyArray<boolean>, StoreUnavailable>
    /**
     * Runs the effects and enters what goes with them, which is asked for behind them: what is in doubt by then is entered
     * as such. Was any of it entered before, nothing is written.
     */
    readonly commit: <E, R>(
      handler: string,
      plan: () => LedgerCommit,
      effects: Effect.Effect<void, E, R>
    ) => Effect.Effect<void, E | EventTaken | StoreUnavailable | TransactionIdle, R>
    /** Enters what was done outside. What was entered before stays as it is, and is not put aside again. */
    readonly record: (commit: LedgerCommit) => Effect.Effect<void, StoreUnavailable>
    /** What is entered of these says nothing about its place any more. It stays done. */
    readonly doubt: (
      stream: string,
      handler: string,
      events: ReadonlyArray<Pick<StoredEvent, "key" | "version">>
    ) => Effect.Effect<void, StoreUnavailable>
    /**
     * Moves the floor forward, when the ledger itself says that everything up to there is handled: what the broker was
     * told may be more than a store has that was restored, or that failed over. Then sums up what is behind it, and says
     * what is missing there, which is kept as evidence.
     */
    readonly advance: (to: Advance) => Effect.Effect<Advanced, StoreUnavailable>
  }
>()("millrace/pipeline/EventLedger") {}
