/** What travels with an event from the outbox to the last handler. The relay moves it without ever looking inside. */
export interface Envelope {
  /** UUIDv7; the message id at the broker, and part of every idempotency key. */
  readonly eventId: string
  /** What the order is kept by, such as the user's id. */
  readonly key: string
  /** The event's position in its key's history: 1, 2, 3 … without gaps. */
  readonly version: number
  /** The event's type within its stream, such as `paid`; a subject token. */
  readonly type: string
  /** W3C traceparent of the transaction that caused the event. */
  readonly traceparent: string
  /** The event itself: JSON text. */
  readonly payload: string
}

/** An event in the outbox: committed, and not yet known to be in the stream. */
export interface OutboxRow extends Envelope {
  /** Ascending per key in commit order; gaps and reordering across keys are normal. */
  readonly id: number
  readonly slot: number
}

/** An event in the stream. */
export interface StoredEvent extends Envelope {
  /** Position in the stream, ascending; other partitions' events are gaps in it. */
  readonly seq: number
  readonly outboxId: number
}
