import { Context, type Effect } from "effect"
import type { ControlEntry } from "./ControlDesk.ts"
import type { Envelope } from "./Envelope.ts"
import type { Instance } from "./Ownership.ts"
import type { StoreUnavailable } from "./PipelineError.ts"

/** A lease as anybody may see it. */
export interface LeaseFacts {
  readonly handler: string
  readonly partition: number
  readonly delivery: "ordered" | "balanced"
  /** Undefined: nobody has it, or the lease has run out. */
  readonly owner: string | undefined
  readonly epoch: number
  readonly cursor: number
}

/** Who left without a word is shown for so long. */
export const goneShownMs = 60_000

/** An instance, or one that was not heard of for a minute at most, with the last it said of itself. */
export interface InstanceFacts extends Instance {
  readonly handlers: ReadonlyArray<string>
  readonly startedAtMs: number
  /** Since its last beat. */
  readonly seenMs: number
  readonly report: string | undefined
}

/** What a handler has put aside. */
export interface AsideFacts {
  readonly handler: string
  readonly parkedKeys: number
  readonly retryingKeys: number
  readonly events: number
}

/** What the store knows of a pipeline, as of one moment. */
export interface PipelineFacts {
  /** The store's clock. */
  readonly nowMs: number
  /** What is published to: so many partitions, from `first` on; see `Topology`. */
  readonly partitions: number
  readonly first: number
  /** So many somebody wants instead. */
  readonly wanted: number | undefined
  readonly outbox: {
    /** At most as many as were asked for; without those of held keys. */
    readonly rows: number
    readonly oldestMs: number
    readonly heldKeys: number
  }
  readonly relay: { readonly leader: string | undefined; readonly epoch: number; readonly lastSeq: number }
  readonly leases: ReadonlyArray<LeaseFacts>
  readonly instances: ReadonlyArray<InstanceFacts>
  readonly aside: ReadonlyArray<AsideFacts>
  /** By handler, those that nobody has acknowledged. */
  readonly violations: ReadonlyMap<string, number>
  readonly controls: ReadonlyArray<ControlEntry>
}

/** What a handler has made of a key. */
export interface KeyHandlerFacts {
  readonly handler: string
  readonly delivery: "ordered" | "balanced"
  /** Last version handled or parked; 0: none. */
  readonly version: number
  /** Versions that a balanced handler has handled beyond that. */
  readonly beyond: ReadonlyArray<number>
  /** Versions that are put aside, whether they wait for an attempt or for somebody. */
  readonly parked: ReadonlyArray<number>
  /** Versions that somebody took out. */
  readonly discarded: ReadonlyArray<number>
  /** Versions that were order violations, and nobody has acknowledged. */
  readonly violations: ReadonlyArray<number>
  /** The same, acknowledged. */
  readonly acknowledged: ReadonlyArray<number>
}

/** What the outbox has of a key. */
export interface OutboxFacts extends Envelope {
  readonly outboxId: number
  readonly appendedAtMs: number
  /** Its key is held back from here on. */
  readonly held: boolean
}

/** What the store knows of one key. */
export interface KeyFacts {
  /** Version of its last event; 0: never heard of. */
  readonly version: number
  readonly outbox: ReadonlyArray<OutboxFacts>
  readonly handlers: ReadonlyArray<KeyHandlerFacts>
}

/**
 * What a handler has made of an event. `waiting`: not handled yet. `retrying`: put aside, tried again by itself. `parked`: waits for
 * somebody. `behind`: put aside behind another event of its key. `discarded`: somebody took it out.
 */
export const outcomes = ["handled", "waiting", "retrying", "parked", "behind", "discarded"] as const
/** What a handler has made of one event, a word of `outcomes`. */
export type Outcome = (typeof outcomes)[number]

/** An event by its name in the stream. */
export interface EventPlace {
  readonly key: string
  readonly version: number
}

/** An event, and a handler that has made something of it. */
export interface HandlerPlace extends EventPlace {
  readonly handler: string
}

/** An effect outside, as its handler noted it. */
export interface EffectFacts {
  readonly handler: string
  readonly eventId: string
  readonly intendedAtMs: number
  readonly confirmedAtMs: number | undefined
}

/**
 * What people want to see of a pipeline.
 *
 * Guarantees: one statement each, by indexes; counting the outbox takes time in proportion to `rowsMax` at most.
 */
export class PipelineView extends Context.Service<
  PipelineView,
  {
    readonly facts: (stream: string, rowsMax: number) => Effect.Effect<PipelineFacts, StoreUnavailable>
    readonly key: (stream: string, key: string) => Effect.Effect<KeyFacts, StoreUnavailable>
    /** Which handlers have made this of which of these events. Takes time in proportion to events and handlers. */
    readonly having: (
      stream: string,
      events: ReadonlyArray<EventPlace>,
      outcome: Outcome
    ) => Effect.Effect<ReadonlyArray<HandlerPlace>, StoreUnavailable>
    /** Effects of these events that were noted. */
    readonly effects: (
      stream: string,
      handlers: ReadonlyArray<string>,
      eventIds: ReadonlyArray<string>
    ) => Effect.Effect<ReadonlyArray<EffectFacts>, StoreUnavailable>
  }
>()("millrace/pipeline/PipelineView") {}
