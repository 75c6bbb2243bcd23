import { Context, type Duration, type Effect } from "effect"
import type { OutboxRow } from "./Envelope.ts"
import type { EndedTopology, Topology } from "./Partition.ts"
import type { LeaseLost, StoreUnavailable } from "./PipelineError.ts"

/** Proof of leadership. Every write of the relay names its epoch; a higher one makes all of them void. */
export interface RelayLease {
  readonly stream: string
  readonly epoch: number
}

/** The relay's row: everything in the stream above `lastSeq` was published but is not yet deleted from the outbox. */
export interface RelayPosition {
  readonly lastSeq: number
  /** When the broker created the stream that `lastSeq` counts in; another value means another stream. Empty before the first publish. */
  readonly streamCreated: string
}

/** An outbox row as the stream names it. Both ids must match: a restored database gives ids out again. */
export interface RowRef {
  readonly outboxId: number
  readonly eventId: string
  /** Where the stream has it. */
  readonly seq: number
}

/** What a renewal learns. */
export interface Renewed {
  readonly position: RelayPosition
  /** There are rows in the outbox; those of held keys too. */
  readonly waiting: boolean
  /** What is published to; undefined: nobody has declared the stream. */
  readonly topology: Topology | undefined
  /** Those of before whose ends were turned back with the stream: they are to be looked up again. */
  readonly unmeasured: ReadonlyArray<Topology>
  /** So many partitions somebody wants instead. */
  readonly wanted: number | undefined
  /** Some handler reads partitions of before still, or has put something aside in one. */
  readonly unsettled: boolean
}

/** What a look at those brought that read partitions of before. */
export interface Settled {
  /** Handlers that have come to the end of them: their owners give them up. */
  readonly ended: ReadonlyArray<string>
  /** Handlers that go on with the partitions of after. */
  readonly moved: ReadonlyArray<{ readonly handler: string; readonly to: Topology }>
}

/**
 * The relay's side of the outbox: one leader by lease and epoch, and the outbox's cursor into the stream.
 *
 * Guarantees: `acknowledge` deletes rows and moves the cursor in one statement, only under the caller's epoch and only
 * from the position the caller knows; after `LeaseLost` nothing was written.
 */
export class RelayStore extends Context.Service<
  RelayStore,
  {
    /** Where the stream stands as far as the outbox knows; nobody need hold the lease. */
    readonly position: (stream: string) => Effect.Effect<RelayPosition, StoreUnavailable>
    /** Who holds the lease; undefined: nobody, or it has expired. */
    readonly leader: (stream: string) => Effect.Effect<string | undefined, StoreUnavailable>
    /** Takes the lease when it is free or has expired, by the database's clock; undefined while another holds it. */
    readonly acquire: (stream: string, owner: string) => Effect.Effect<RelayLease | undefined, StoreUnavailable>
    /** Extends the lease and returns where the stream stands as far as the outbox knows, and whether rows wait. */
    readonly renew: (lease: RelayLease) => Effect.Effect<Renewed, LeaseLost | StoreUnavailable>
    /** The lowest committed rows, ascending by id, without those of held keys and those under way. */
    readonly read: (
      stream: string,
      limit: number,
      underWay: ReadonlyArray<number>
    ) => Effect.Effect<ReadonlyArray<OutboxRow>, StoreUnavailable>
    /**
     * Takes what the stream holds out of the outbox and moves the position from `from` to `to`. With `keep` the rows are
     * put aside for `rewind`, until `forget`. Returns how many rows it took.
     */
    readonly acknowledge: (
      lease: RelayLease,
      from: RelayPosition,
      to: RelayPosition,
      rows: ReadonlyArray<RowRef>,
      keep: boolean
    ) => Effect.Effect<number, LeaseLost | StoreUnavailable>
    /**
     * The stream lost its tail or was made anew: lowers every handler's cursor to `to.lastSeq` and the position too,
     * makes what was opened before void, forgets where partitions of before end if that is above it, and puts the kept rows above it back into the outbox, in one transaction. Returns how many rows came back.
     */
    readonly rewind: (
      lease: RelayLease,
      from: RelayPosition,
      to: RelayPosition
    ) => Effect.Effect<number, LeaseLost | StoreUnavailable>
    /**
     * There are other partitions from here on: `next` is published to, `ended` are those of before, as they end now. Answers
     * the wish for them. What each handler has yet to read of the old ones stays where it is.
     */
    readonly adopt: (
      lease: RelayLease,
      ended: ReadonlyArray<EndedTopology>,
      next: Topology
    ) => Effect.Effect<void, LeaseLost | StoreUnavailable>
    /**
     * Handlers that have read partitions of before to their ends, `firstSeq` being where the stream begins by now, are asked
     * to give them up; once nobody has them, the handler gets those of after, and what it has put aside goes along.
     */
    readonly settle: (lease: RelayLease, firstSeq: number) => Effect.Effect<Settled, LeaseLost | StoreUnavailable>
    /** The furthest that any handler has handled: workers may be ahead of the position, which moves after them. 0: nothing. */
    readonly furthestCursor: (stream: string) => Effect.Effect<number, StoreUnavailable>
    /**
     * Lets go of rows below the position that were kept for at least so long, some thousand at a time, and of none when
     * the lease was lost. Returns how many.
     */
    readonly forget: (lease: RelayLease, olderThan: Duration.Duration) => Effect.Effect<number, StoreUnavailable>
    /** Holds a key back in the outbox, from this row on; its earlier rows still go. An operator releases it. */
    readonly hold: (stream: string, row: OutboxRow, reason: string) => Effect.Effect<void, StoreUnavailable>
    /** Gives the lease back, so that a standby need not wait for its expiry. */
    readonly release: (lease: RelayLease) => Effect.Effect<void, StoreUnavailable>
  }
>()("millrace/pipeline/RelayStore") {}
