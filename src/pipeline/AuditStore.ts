import { Context, type Effect } from "effect"
import type { Topology } from "./Partition.ts"
import type { StoreUnavailable } from "./PipelineError.ts"

/** What the store knows of one handler. */
export interface HandlerFacts {
  readonly name: string
  /** By partition. */
  readonly cursors: ReadonlyMap<number, number>
  /** By key: the last version handled or parked, and all before it with it. */
  readonly progress: ReadonlyMap<string, number>
  /** By key: versions that a balanced handler has handled or parked, whatever is before them. */
  readonly beyond: ReadonlyMap<string, ReadonlySet<number>>
  /** By key: how many events are parked. */
  readonly parked: ReadonlyMap<string, number>
  /** By key: how many somebody took out of the parking lot. */
  readonly discarded: ReadonlyMap<string, number>
  /** Order violations that were seen and recorded; open until somebody acknowledges them. */
  readonly violations: ReadonlyArray<{ readonly key: string; readonly version: number; readonly isOpen: boolean }>
}

/** Everything the store knows of a stream, as of one moment. */
export interface AuditFacts {
  /** What is published to. */
  readonly topology: Topology
  readonly heads: ReadonlyArray<{ readonly key: string; readonly version: number }>
  /** What is in the outbox and was never published. */
  readonly waiting: ReadonlyArray<{ readonly key: string; readonly eventId: string }>
  /** Published before, and kept. Without `seq`: back in the outbox, because the broker lost it. */
  readonly kept: ReadonlyArray<{ readonly key: string; readonly version: number; readonly seq: number | undefined }>
  /** The stream was made anew once, so that it does not begin with the first event. */
  readonly remade: boolean
  readonly handlers: ReadonlyArray<HandlerFacts>
}

/**
 * What an audit needs of the store.
 *
 * Guarantees: all facts are of one snapshot, so they fit together however much happens meanwhile. Memory is needed for
 * every key of the stream.
 */
export class AuditStore extends Context.Service<
  AuditStore,
  { readonly facts: (stream: string) => Effect.Effect<AuditFacts, StoreUnavailable> }
>()("millrace/pipeline/AuditStore") {}
