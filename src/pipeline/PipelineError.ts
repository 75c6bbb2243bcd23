import { Schema } from "effect"

/** Postgres could not be asked, or did not answer. Whether the last statement took effect is unknown; reading again tells. */
export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>()("StoreUnavailable", {
  operation: Schema.String,
  detail: Schema.String,
  cause: Schema.Defect()
}) {
  override get message() {
    return `${this.operation}: the database did not answer (${this.detail})`
  }
}

/** NATS could not be asked, or did not answer. Whether the last publish took effect is unknown; reading the stream tells. */
export class BrokerUnavailable extends Schema.TaggedError<BrokerUnavailable>()("BrokerUnavailable", {
  operation: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `${this.operation}: NATS did not answer (${this.detail})`
  }
}

/** The broker answered no. `code` is its err_code (10071: somebody else published meanwhile; 10077: the stream is full …). */
export class BrokerRefused extends Schema.TaggedError<BrokerRefused>()("BrokerRefused", {
  operation: Schema.String,
  code: Schema.Int,
  detail: Schema.String
}) {
  override get message() {
    return `${this.operation}: NATS refused (${this.code} ${this.detail})`
  }
}

/** Deliveries of a partition broke off: the consumer is gone, silent, or skipped one. The cursor in Postgres says where to go on. */
export class DeliveryInterrupted extends Schema.TaggedError<DeliveryInterrupted>()("DeliveryInterrupted", {
  partition: Schema.Int,
  reason: Schema.String
}) {
  override get message() {
    return `deliveries of partition ${this.partition} broke off: ${this.reason}`
  }
}

/** Somebody else owns this by now: a higher epoch exists. What was under way was rolled back; there is nothing to retry. */
export class LeaseLost extends Schema.TaggedError<LeaseLost>()("LeaseLost", {
  lease: Schema.String,
  epoch: Schema.Int
}) {
  override get message() {
    return `${this.lease}: epoch ${this.epoch} is over, another instance owns it`
  }
}

/**
 * Somebody acted on a key that was put aside while it was being tried: replayed it, edited, skipped or discarded. What was
 * under way was rolled back as far as the store goes; read the key again.
 */
export class KeyChanged extends Schema.TaggedError<KeyChanged>()("KeyChanged", {
  handler: Schema.String,
  key: Schema.String
}) {
  override get message() {
    return `${this.handler}: somebody acted on key ${JSON.stringify(this.key)} meanwhile; it is read again`
  }
}

/**
 * A transactional handler left its transaction idle for so long that the store ended it; nothing was written. It counts
 * as a failed attempt. Wait for things outside the database in an `external` handler.
 */
export class TransactionIdle extends Schema.TaggedError<TransactionIdle>()("TransactionIdle", {
  handler: Schema.String
}) {
  override get message() {
    return `${this.handler}: its transaction was idle for too long and was ended; an external handler may wait, a transactional one may not`
  }
}

/** Another instance has handled one of these events meanwhile. What was under way was rolled back; ask again which are left. */
export class EventTaken extends Schema.TaggedError<EventTaken>()("EventTaken", {
  handler: Schema.String
}) {
  override get message() {
    return `${this.handler}: another instance has handled one of the batch meanwhile; the others are handled without it`
  }
}

/** The key is not at the version the caller expected: somebody appended meanwhile. Read again, decide again. */
export class VersionConflict extends Schema.TaggedError<VersionConflict>()("VersionConflict", {
  key: Schema.String,
  expectedVersion: Schema.Int
}) {
  override get message() {
    return `key ${JSON.stringify(this.key)} is not at version ${this.expectedVersion} any more; read it again and decide again`
  }
}

/** The event does not fit its own Schema, or its key cannot be carried. Nothing was written. `detail` names the field. */
export class InvalidEvent extends Schema.TaggedError<InvalidEvent>()("InvalidEvent", {
  type: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `event ${this.type} cannot be appended: ${this.detail}`
  }
}

/** A stored event does not fit today's Schema. `detail` names the field. The key is parked for this handler; nothing is dropped. */
export class DecodeFailed extends Schema.TaggedError<DecodeFailed>()("DecodeFailed", {
  type: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `event ${this.type} cannot be read: ${this.detail}`
  }
}

/**
 * A stored event is of a version that this program does not know yet: a newer one wrote it. Nothing is wrong with it. Its
 * key waits for an instance that can read it, and is parked when none comes.
 */
export class SchemaNewer extends Schema.TaggedError<SchemaNewer>()("SchemaNewer", {
  type: Schema.String,
  version: Schema.Int,
  /** The newest that is known. */
  known: Schema.Int
}) {
  get detail() {
    return `it is of version ${this.version}, and this program knows versions up to ${this.known}; deploy one that knows version ${this.version}, then replay what is parked`
  }
  override get message() {
    return `event ${this.type} cannot be read yet: ${this.detail}`
  }
}

/**
 * Why a stored event cannot be read: it does not fit its Schema, or a newer program wrote it. Its key waits or is parked; nothing is dropped.
 */
export type Unreadable = DecodeFailed | SchemaNewer

/** An event contradicts its key's history: an earlier one is missing. It must never happen. */
export class OrderViolated extends Schema.TaggedError<OrderViolated>()("OrderViolated", {
  key: Schema.String,
  handledVersion: Schema.Int,
  version: Schema.Int
}) {
  override get message() {
    return `key ${JSON.stringify(this.key)}: version ${this.version} arrived after ${this.handledVersion}; stop and look at the audit`
  }
}

/** The stream on the server differs from the declaration in a way that cannot be worked with. */
export class StreamMismatch extends Schema.TaggedError<StreamMismatch>()("StreamMismatch", {
  stream: Schema.String,
  differences: Schema.Array(Schema.String)
}) {
  override get message() {
    return `stream ${this.stream} is not as declared: ${this.differences.join("; ")}`
  }
}
