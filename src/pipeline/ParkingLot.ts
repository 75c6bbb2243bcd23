import { Context, type Effect, type Option } from "effect"
import type { StoredEvent } from "./Envelope.ts"
import type { Claim } from "./Ownership.ts"
import type { FailedAttempt } from "./Parked.ts"
import type { KeyChanged, LeaseLost, StoreUnavailable, TransactionIdle } from "./PipelineError.ts"

/** A key of a handler, with the partition it belongs to. */
export interface KeyPlace {
  readonly handler: string
  readonly partition: number
  readonly key: string
}

/** What is to be tried next of a key that was put aside. */
export interface Aside {
  readonly generation: number
  /** Attempts that were begun at the first event; those that ended their process count too. */
  readonly attempts: number
  readonly history: ReadonlyArray<FailedAttempt>
  /** The oldest events of the key, in order. */
  readonly events: ReadonlyArray<StoredEvent>
}

/** How much one handler has put aside. */
export interface AsideCount {
  readonly handler: string
  readonly events: number
  /** Of the key that has most. */
  readonly eventsOfOneKey: number
}

/** A key as it was read. Every act raises the generation: what was read before is not valid behind it. */
export interface AsideKey {
  readonly key: string
  readonly generation: number
}

/** What a failed attempt leaves behind. */
export interface AsideFailure {
  readonly version: number
  readonly failed: FailedAttempt
  readonly stack: string
  /** Undefined: it is given up, and waits for somebody. */
  readonly retryInMs: number | undefined
}

/** What an attempt that went well takes away. */
export interface AsideDone extends AsideKey {
  /** Undefined: nothing was left to be done. */
  readonly version: number | undefined
  /** Nothing is behind it: the key is no longer put aside, and its next event is one like any other. */
  readonly last: boolean
}

/**
 * Keys that were put aside: those that wait for an attempt that is some time off, and those that were given up. The
 * handler's inbox puts them here; the owner of their partition, and nobody else, takes them back. An act of somebody on a
 * key in between fails what was under way with `KeyChanged`, and leaves nothing of it in the store.
 *
 * Guarantees: everything is fenced by the claim's epoch and opening, but not by its cursor: the live flow goes on beside
 * it. Effects, the event's removal and the key's return are one transaction.
 */
export class ParkingLot extends Context.Service<
  ParkingLot,
  {
    /** Keys of these partitions whose next attempt is due, of each so many at most, the longest due first. */
    readonly due: (
      stream: string,
      places: ReadonlyArray<{ readonly handler: string; readonly partition: number }>,
      keysMax: number
    ) => Effect.Effect<ReadonlyArray<KeyPlace>, StoreUnavailable>
    /** How much each handler has put aside; those with nothing are left out. */
    readonly count: (stream: string) => Effect.Effect<ReadonlyArray<AsideCount>, StoreUnavailable>
    /** None: the key is not to be tried (any more). */
    readonly next: (
      claim: Claim,
      key: string,
      eventsMax: number
    ) => Effect.Effect<Option.Option<Aside>, StoreUnavailable>
    /** Counts an attempt before it is made, so that one that ends the process is counted too. */
    readonly begin: (claim: Claim, of: AsideKey) => Effect.Effect<void, KeyChanged | LeaseLost | StoreUnavailable>
    /** Takes a begun attempt back: it was broken off from outside, it has not failed. */
    readonly withdraw: (claim: Claim, of: AsideKey) => Effect.Effect<void, StoreUnavailable>
    /** Runs the effects and takes the event away with them. */
    readonly settle: <E, R>(
      claim: Claim,
      done: AsideDone,
      effects: Effect.Effect<void, E, R>
    ) => Effect.Effect<void, E | KeyChanged | LeaseLost | StoreUnavailable | TransactionIdle, R>
    /** The attempt failed: the key waits for its next one, or for somebody. */
    readonly failed: (
      claim: Claim,
      of: AsideKey,
      failure: AsideFailure
    ) => Effect.Effect<void, KeyChanged | LeaseLost | StoreUnavailable>
  }
>()("millrace/pipeline/ParkingLot") {}
