import { Context, type Effect } from "effect"
import type { Control } from "./Control.ts"
import type { Handler } from "./Handler.ts"
import type { Topology } from "./Partition.ts"
import type { LeaseLost, StoreUnavailable } from "./PipelineError.ts"

/** A partition of a handler, owned under an epoch, handled up to `cursor` (a stream sequence). */
export interface Claim {
  readonly stream: string
  readonly handler: string
  readonly partition: number
  readonly epoch: number
  /** Counts how often this was opened, over all epochs. Commits of an earlier opening are fenced too. */
  readonly opening: number
  readonly cursor: number
  /** Everything of it is read, and the handler is to go on with other partitions: it is to be given back. */
  readonly ended?: true
  /** Set by a claim only: who had it before did not give it back, and may have been ended by what it had in hand. */
  readonly abandoned?: true
}

/** A running process, as the others see it and the console shows it. */
export interface Instance {
  readonly id: string
  readonly host: string
  readonly version: string
  /** What it was started for, such as `api` or `relay`; shown to people, never acted on. */
  readonly roles: ReadonlyArray<string>
}

/** A live instance, and the handlers it shares in. A handler's partitions are divided among those that know it. */
export interface Member {
  readonly id: string
  readonly handlers: ReadonlyArray<string>
}

/** How far ahead a beat looks for attempts that are due: to the end of the next one, by a clock that is not ours. */
export const asideHorizonMs = 2_500

/** What one beat of the heart learns. */
export interface Heartbeat {
  /** All live instances, this one included, sorted by id. */
  readonly live: ReadonlyArray<Member>
  /** The claims that are still ours, with the store's cursor. A claim that is missing was lost. */
  readonly renewed: ReadonlyArray<Claim>
  /** Partitions nobody holds now, and that are not read to their end. */
  readonly free: ReadonlyArray<{ readonly handler: string; readonly partition: number }>
  /** How often the stream was turned back. Sequences of before mean nothing behind it. */
  readonly rewinds: number
  /** Of something that was put aside, in any partition, the next attempt is due before the next beat is over. */
  readonly asideDue: boolean
  /** What operators want. */
  readonly controls: ReadonlyArray<Control>
  /** What is published to; undefined: nobody has declared the stream. */
  readonly topology: Topology | undefined
}

/** What a declaration found, or made. */
export interface Declared {
  /** What is published to. */
  readonly topology: Topology
  /** What each of the declared handlers reads: partitions of before, until it has read them to their ends. */
  readonly handlers: ReadonlyMap<string, Topology>
}

/**
 * Who handles which partition: leases with epochs, by the database's clock.
 *
 * Guarantees: at most one epoch of a partition can commit; a claim raises the epoch, so that whoever held it before is
 * fenced from that moment, however long it sleeps.
 */
export class Ownership extends Context.Service<
  Ownership,
  {
    /**
     * Fixes the number of partitions when nobody has before, with or without handlers, and makes sure that each handler
     * has leases: a new one of the oldest partitions there were, from their beginning. What the stream has stays as it is,
     * whatever was declared.
     */
    readonly declare: (
      stream: string,
      handlers: ReadonlyArray<string>,
      partitions: number
    ) => Effect.Effect<Declared, StoreUnavailable>
    /**
     * Fixes how each of these declared handlers is delivered to, when nobody has before: what one way has recorded means
     * something else to the other. Returns the names of those that were fixed the other way.
     */
    readonly fixDelivery: (
      stream: string,
      handlers: ReadonlyArray<Pick<Handler, "name" | "delivery">>
    ) => Effect.Effect<ReadonlyArray<string>, StoreUnavailable>
    /**
     * Shows this instance and its handlers alive and renews its claims, in one statement; not those it has given back.
     * `report`: what it has to say of itself; undefined: what it said before still holds.
     */
    readonly beat: (
      stream: string,
      instance: Instance,
      handlers: ReadonlyArray<string>,
      claims: ReadonlyArray<Claim>,
      report?: string
    ) => Effect.Effect<Heartbeat, StoreUnavailable>
    /** Renews claims of somebody who takes no share of the handlers. Returns those that are still his. */
    readonly renew: (claims: ReadonlyArray<Claim>) => Effect.Effect<ReadonlyArray<Claim>, StoreUnavailable>
    /** Takes those of the wanted partitions that are free, each under a new epoch. */
    readonly claim: (
      stream: string,
      owner: string,
      wanted: ReadonlyArray<{ readonly handler: string; readonly partition: number }>
    ) => Effect.Effect<ReadonlyArray<Claim>, StoreUnavailable>
    /**
     * Begins a new opening and returns the claim with it and with the cursor as the store has it. Waits for a commit that
     * is past its fence, and refuses those that are not: what is read here does not move behind the reader's back.
     */
    readonly open: (claim: Claim) => Effect.Effect<Claim, LeaseLost | StoreUnavailable>
    /** Gives partitions back. */
    readonly release: (claims: ReadonlyArray<Claim>) => Effect.Effect<void, StoreUnavailable>
    /** Takes this instance off the list of live ones. */
    readonly leave: (stream: string, instance: Instance) => Effect.Effect<void, StoreUnavailable>
  }
>()("millrace/pipeline/Ownership") {}
