import { Context, type Duration, type Effect, type Scope, type Stream } from "effect"
import type { OutboxRow, StoredEvent } from "./Envelope.ts"
import type { EndedTopology, Topology } from "./Partition.ts"
import type { BrokerRefused, BrokerUnavailable, DeliveryInterrupted, StreamMismatch } from "./PipelineError.ts"
import type { RowRef } from "./RelayStore.ts"

/** A stream as declared in code: its name, the first token of its subjects, and the number of its partitions. */
export interface LogDeclaration {
  readonly name: string
  readonly subject: string
  readonly partitions: number
  /** Number of the first partition; 0 until their number is changed. See `Topology`. */
  readonly first?: number
}

/** What the broker says of a stream now: where it begins and ends, which stream it is, what it takes. */
export interface LogInfo {
  readonly firstSeq: number
  readonly lastSeq: number
  /** When it was created, as the broker writes it: tells a stream from one made anew under its name. */
  readonly created: string
  /** Largest message it takes, headers included. */
  readonly messageMaxBytes: number
}

/** The broker's answer to a publish. `duplicate`: a single event was there before, at `seq`. */
export interface PublishAck {
  readonly seq: number
  readonly duplicate: boolean
}

/** A message of the stream as reconciliation needs it. */
export interface StoredRef extends RowRef {
  readonly seq: number
  readonly key: string
  readonly version: number
}

/** From where on a partition is read, by whom. A new generation of the same epoch replaces the one before. */
export interface ReadFrom {
  readonly handler: string
  readonly partition: number
  readonly epoch: number
  readonly generation: number
  readonly afterSeq: number
}

/** Deliveries of one partition. `acknowledge` is flow control only: the cursor in the store is the truth. */
export interface Subscription {
  readonly events: Stream.Stream<StoredEvent, DeliveryInterrupted | BrokerUnavailable>
  readonly acknowledge: (seq: number) => Effect.Effect<void>
}

/** Whose shared consumer it is. One of a later generation replaces the one before; `afterSeq` counts for a new one only. */
export interface SharedFrom {
  readonly handler: string
  readonly generation: number
  readonly afterSeq: number
  /** Events that may be in hand here, delivered and not acknowledged. */
  readonly inHandMax: number
  /** How long an event may be in hand, of anybody, without a sign of life before another instance gets it. */
  readonly ackWait: Duration.Duration
}

/** An event from a shared consumer. */
export interface SharedDelivery {
  readonly stored: StoredEvent
  /** 1 for the first time; more when it was delivered before, to whomever, and never acknowledged. */
  readonly deliveries: number
}

/** What one instance gets of a shared consumer, as long as its scope lasts. */
export interface SharedSubscription {
  /** Stops while too much is in hand. */
  readonly events: Stream.Stream<SharedDelivery, BrokerUnavailable>
  /** Takes no more; what is in hand stays there. */
  readonly finish: Effect.Effect<void>
  /** These are done, for all instances. One whose sequence has another event by now is left alone. */
  readonly acknowledge: (deliveries: ReadonlyArray<SharedDelivery>) => Effect.Effect<void>
  /** These were not begun: another instance may have them at once. */
  readonly giveBack: (deliveries: ReadonlyArray<SharedDelivery>) => Effect.Effect<void>
  /** What is in hand is being worked on. Without it the broker gives it to others after the ack wait. */
  readonly inProgress: Effect.Effect<void>
  /** Raised whenever that may not have been heard, so that others may have some of what is in hand. */
  readonly doubts: () => number
  readonly position: Effect.Effect<SharedPosition, BrokerRefused | BrokerUnavailable>
  /** Deletes the consumer, for all instances. Whoever opens it next makes it anew, behind the floor of the store. */
  readonly forget: Effect.Effect<void, BrokerRefused | BrokerUnavailable>
}

/** What the broker says of a shared consumer. It is flow control: what is handled is in the store. */
export interface SharedPosition {
  /** Everything up to here was acknowledged, by whomever. */
  readonly floor: number
  /** The furthest that was delivered. */
  readonly delivered: number
}

/** Events of one shared consumer in hand of all instances together. */
export const sharedInHandMax = 20_000

/**
 * The ordered log: JetStream, or memory.
 *
 * Guarantees: a publish stores its events in order, directly behind each other, and only when the stream still ends at
 * `expectedLastSeq`. One that failed has stored none, or a beginning of them; with `BrokerUnavailable` perhaps all. A partition's events arrive in stream order, each at least once, until the subscription breaks off
 * with a typed error.
 */
export class EventLog extends Context.Service<
  EventLog,
  {
    /** Creates the stream when it is missing, and compares it with the declaration when it is there. */
    readonly declare: (
      declaration: LogDeclaration
    ) => Effect.Effect<void, StreamMismatch | BrokerRefused | BrokerUnavailable>
    readonly info: (name: string) => Effect.Effect<LogInfo, BrokerRefused | BrokerUnavailable>
    readonly publish: (
      declaration: LogDeclaration,
      rows: ReadonlyArray<OutboxRow>,
      expectedLastSeq: number
    ) => Effect.Effect<PublishAck, BrokerRefused | BrokerUnavailable>
    /** What is stored in (afterSeq, toSeq], ascending, foreign and purged messages left out. */
    readonly refs: (
      name: string,
      afterSeq: number,
      toSeq: number
    ) => Effect.Effect<ReadonlyArray<StoredRef>, BrokerRefused | BrokerUnavailable>
    /**
     * Writes into the stream that from here on there are other partitions, and which there were; only when it still ends at
     * `expectedLastSeq`: nothing that was under way to a partition of before can come behind it. No reader gets to see it.
     * Returns its sequence.
     */
    readonly mark: (
      declaration: LogDeclaration,
      topologies: ReadonlyArray<Topology>,
      expectedLastSeq: number
    ) => Effect.Effect<number, BrokerRefused | BrokerUnavailable>
    /** What the newest mark says, oldest first; nothing: there is none. */
    readonly marked: (
      declaration: LogDeclaration
    ) => Effect.Effect<ReadonlyArray<Topology>, BrokerRefused | BrokerUnavailable>
    /** Where the partitions of a topology end in the stream. */
    readonly ends: (
      declaration: LogDeclaration,
      topology: Topology
    ) => Effect.Effect<EndedTopology, BrokerRefused | BrokerUnavailable>
    /** Opens a partition for its owner. Whoever had it before may go on reading for a while, but cannot commit. */
    readonly open: (
      declaration: LogDeclaration,
      from: ReadFrom
    ) => Effect.Effect<Subscription, BrokerRefused | BrokerUnavailable, Scope.Scope>
    /**
     * Takes part in a handler's shared consumer, which is made when it is missing: each event goes to one of those who
     * take part, in no order, at least once.
     */
    readonly share: (
      declaration: LogDeclaration,
      from: SharedFrom
    ) => Effect.Effect<SharedSubscription, BrokerRefused | BrokerUnavailable, Scope.Scope>
    /** Wakes whoever waits on this doorbell, in any process. Lossy by design; a poll runs underneath. */
    readonly ring: (doorbell: string) => Effect.Effect<void>
    /** One element per ring, also per ring of the same process. */
    readonly rings: (doorbell: string) => Stream.Stream<void>
  }
>()("millrace/pipeline/EventLog") {}
