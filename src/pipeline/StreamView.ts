import { Context, type Effect } from "effect"
import type { StoredEvent } from "./Envelope.ts"
import type { LogDeclaration } from "./EventLog.ts"
import type { BrokerRefused, BrokerUnavailable } from "./PipelineError.ts"

/** What the broker says of a stream. */
export interface StreamStats {
  readonly firstSeq: number
  readonly lastSeq: number
  readonly messages: number
  readonly bytes: number
  /** -1: no limit. */
  readonly bytesMax: number
}

/** What the broker says of those who read. */
export interface ConsumerStats {
  readonly handler: string
  /** Undefined when it is shared by all partitions. */
  readonly partition: number | undefined
  /** Events that were not delivered, and those that were and are not acknowledged: together what is not handled, about. */
  readonly pending: number
  readonly inHand: number
  /** Everything up to here is acknowledged. */
  readonly floor: number
}

/** An event as it is in the stream. `payload` is empty when only headers were asked for. */
export interface SeenEvent extends StoredEvent {
  readonly partition: number
  readonly storedAtMs: number
  readonly payloadBytes: number
}

/** Which part of a stream is read. */
export interface ReadRange {
  readonly fromSeq: number
  /** All partitions when left out. */
  readonly partition?: number
  readonly eventsMax: number
  readonly payloads: boolean
}

/** What is behind a place in a partition. */
export interface Behind {
  readonly events: number
  /** When the broker stored the first of them; undefined: there is none. */
  readonly oldestStoredAtMs: number | undefined
}

/**
 * The stream as people want to see it.
 *
 * Guarantees: nobody's deliveries are touched; what is read is bounded by what is asked for.
 */
export class StreamView extends Context.Service<
  StreamView,
  {
    readonly stats: (name: string) => Effect.Effect<StreamStats, BrokerRefused | BrokerUnavailable>
    /** The newest consumer of each handler and partition; a partition nobody reads has none. */
    readonly consumers: (name: string) => Effect.Effect<ReadonlyArray<ConsumerStats>, BrokerRefused | BrokerUnavailable>
    /** Ascending from a sequence on: the first so many. */
    readonly read: (
      declaration: LogDeclaration,
      range: ReadRange
    ) => Effect.Effect<ReadonlyArray<SeenEvent>, BrokerRefused | BrokerUnavailable>
    /** The event at a sequence; undefined: it was purged, or is not there yet. */
    readonly at: (
      declaration: LogDeclaration,
      seq: number
    ) => Effect.Effect<SeenEvent | undefined, BrokerRefused | BrokerUnavailable>
    /** What a partition has above a sequence, whoever reads it. */
    readonly behind: (
      declaration: LogDeclaration,
      partition: number,
      afterSeq: number
    ) => Effect.Effect<Behind, BrokerRefused | BrokerUnavailable>
  }
>()("millrace/pipeline/StreamView") {}
