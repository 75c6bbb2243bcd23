/** A table of the library's own: what a row of it is, and what each column holds. */
export interface TableMeaning {
  readonly row: string
  readonly columns: Readonly<Record<string, string>>
}

const stream = "Name of the stream."
const handler = "Name of the handler."
const key = "What the order is kept by."
const partition = "Number of the partition, from 0."
const version = "The event's position in its key's history: 1, 2, 3 … without gaps."
const eventId = "UUIDv7 of the event; the message id at the broker."
const type = "The event's type within its stream."
const traceparent = "W3C traceparent of whoever appended it; empty when nobody traced."
const payload = "The event as JSON text."
const seq = "Position in the stream at the broker."
const outboxId = "Id it had in the outbox."
const parkedName = "The key; for a single event of a balanced handler `key@version`."
const ofKey = "For a single event of a balanced handler: its key. Else null."

const parkedEvent = {
  stream,
  handler,
  key: parkedName,
  version,
  event_id: eventId,
  type,
  traceparent,
  payload: "The event as JSON text, as it was last edited.",
  seq,
  outbox_id: outboxId,
  parked_at: "When it was put aside.",
  original: "The payload before it was first edited; null: nobody has.",
  of_key: ofKey
}

/**
 * What the tables in the schema `millrace` hold, beside the migrations that make them. A table or column without a
 * meaning here fails the test of `docs/reference/tables.md`, which is made of this and of the catalog.
 */
export const tableMeanings: Readonly<Record<string, TableMeaning>> = {
  head: {
    row: "A key of a stream. Its row is locked by the transaction that appends, which makes commit order the key's order.",
    columns: { stream, key, version: "Version of its newest event." }
  },
  outbox: {
    row: "An event that is committed and not yet known to be in the stream. It is deleted once it is.",
    columns: {
      stream,
      id: "Ascending per key in commit order; gaps, and another order across keys, are normal.",
      event_id: eventId,
      key,
      version,
      slot: "Hash of the key, 0 to 1023; the partition is made from it.",
      type,
      traceparent,
      payload,
      appended_at: "When it was written, by the database's clock.",
      again: "Whether it was published before, and is here again because the broker lost it."
    }
  },
  published: {
    row: "An event that is in the stream and kept in case the broker loses it (`OUTBOX_KEEP_SECONDS`).",
    columns: {
      stream,
      id: outboxId,
      event_id: eventId,
      key,
      version,
      slot: "Hash of the key, 0 to 1023.",
      type,
      traceparent,
      payload,
      appended_at: "When it was written to the outbox.",
      seq,
      published_at: "When the relay heard that the broker has it."
    }
  },
  held_key: {
    row: "A key that the relay holds back, because the broker does not take one of its events. An operator releases it.",
    columns: {
      stream,
      key,
      from_id: "Row of the outbox from which on it is held; earlier ones still go.",
      reason: "What the broker said.",
      held_at: "Since when."
    }
  },
  relay: {
    row: "A stream: who leads its relay, and how far the stream is known.",
    columns: {
      stream,
      owner: "Instance that leads; null: nobody.",
      epoch: "Grows with each change of the leader; every write of the relay names it.",
      expires_at: "When the lease ends unless it is renewed.",
      last_seq: "Everything in the stream above it was published but is not yet deleted from the outbox.",
      stream_created: "When the broker created the stream that `last_seq` counts in; empty before the first publish.",
      partitions: "Number of partitions that are published to; null before the first start.",
      first: "The first of them: numbers are given once, so behind a change it is the one after the last of before.",
      wanted: "How many there are to be; null: as many as there are.",
      remade: "Whether the stream was ever made anew, so that it does not begin with the first event.",
      rewinds: "How often the stream lost its tail or was made anew: sequences of before mean nothing behind it."
    }
  },
  topology: {
    row: "Partitions that were published to before their number was changed, and where they end. Handlers read them to there first.",
    columns: {
      stream,
      first: "The first of them.",
      partitions: "How many they are.",
      ends: "The last position in the stream of each of them; null: to be looked up again.",
      ended_at: "When the number was changed."
    }
  },
  instance: {
    row: "A process that takes part. The row lives as long as its heart beats.",
    columns: {
      stream,
      id: "Its id, new with each start.",
      host: "The machine's name.",
      app_version: "Version of the program it runs.",
      started_at: "When it started.",
      expires_at: "When it counts as gone unless it shows itself.",
      roles: "What it does: api, relay, worker, ops.",
      handlers: "Handlers it can run.",
      can_repartition: "Whether its version can follow a change of the number of partitions."
    }
  },
  report: {
    row: "What an instance says of itself, a second old at most. Unlogged: empty after a crash of Postgres.",
    columns: { stream, id: "The instance.", body: "Its report as JSON text.", at: "When it said so." }
  },
  lease: {
    row: "A partition of a handler: who works on it, and how far. The cursor here is the truth, not the broker's.",
    columns: {
      stream,
      handler,
      partition,
      owner: "Instance that works on it; null: nobody.",
      epoch: "Grows with each claim; every commit names it.",
      expires_at: "When the lease ends unless it is renewed.",
      cursor: "Position in the stream up to which everything is handled or put aside.",
      opening: "Grows whenever the partition is opened anew, also by a rewind; what was opened before cannot commit.",
      ended: "Whether nothing comes to the partition any more, and all of it was read.",
      delivery: "`ordered` or `balanced`; null until the handler first runs. It never changes after."
    }
  },
  migrations: {
    row: "A change of these tables that was made.",
    columns: { migration_id: "Its number.", created_at: "When it was made.", name: "What it does." }
  },
  progress: {
    row: "How far a handler is with a key: the inbox that makes effects happen once.",
    columns: {
      stream,
      handler,
      key,
      version: "Last version received; the next event has to be one above it.",
      parked: "Whether the key is put aside, so that what comes goes behind it."
    }
  },
  handled: {
    row: "An event that a balanced handler has handled, until all before it are; then `progress` says so.",
    columns: {
      stream,
      handler,
      key,
      version,
      rewinds: "The stream's `rewinds` when it came; -1: its position says nothing.",
      seq
    }
  },
  parked_key: {
    row: "A key that a handler has put aside: it waits for an attempt that is some time off, or for somebody.",
    columns: {
      stream,
      handler,
      key: parkedName,
      partition,
      status: "`retrying`: its next attempt is due at `due_at`. `parked`: it was given up.",
      generation: "Grows with each act of an operator; part of the idempotency key of what is replayed.",
      attempts: "Attempts begun at its first event, those included that ended their process.",
      due_at: "When it is tried next; null: when somebody replays it.",
      reason_tag: "Tag of the last error.",
      reason_message: "Its message.",
      reason_stack: "Its stack.",
      history: "Failed attempts, as JSON: when, which, by which instance, why.",
      parked_at: "When it was put aside first, in milliseconds.",
      of_key: ofKey
    }
  },
  parked_event: {
    row: "An event of a key that is put aside: the one that failed, and everything that came behind it, in order.",
    columns: parkedEvent
  },
  discarded_event: {
    row: "An event that somebody skipped or discarded. Kept as evidence; the audit counts it.",
    columns: { ...parkedEvent, discarded_at: "When it was taken out." }
  },
  parking_act: {
    row: "What somebody did to a parked key, written in the transaction that did it.",
    columns: {
      id: "Ascending.",
      stream,
      handler,
      key: parkedName,
      version: "The event that was meant; null: all of them.",
      act: "`replay`, `edit`, `skip` or `discard`.",
      actor: "Who, as they said.",
      why: "Their reason.",
      before: "The payload before an edit.",
      after: "The payload behind it.",
      at: "When."
    }
  },
  suspect: {
    row: "Attempts at an event that were never heard of again: it may be what ended its process.",
    columns: { stream, handler, partition, key, version, attempts: "How many." }
  },
  effect: {
    row: "An effect outside, of a handler that can say whether it has happened (`confirm`).",
    columns: {
      stream,
      handler,
      idempotency_key: "`handler:eventId:generation`.",
      intended_at: "When it was first begun.",
      confirmed_at: "When it was known to have happened; null: it may have, or not."
    }
  },
  order_violation: {
    row: "An event that came out of the order of its key. It must never happen; the key was parked.",
    columns: {
      id: "Ascending.",
      stream,
      handler,
      key,
      handled_version: "Version that was handled before it.",
      version: "Version that came.",
      seq,
      epoch: "Epoch of the lease under which it was seen.",
      seen_at: "When.",
      acknowledged_at: "When somebody acknowledged it; null: nobody has, and it counts.",
      acknowledged_by: "Who, as they said.",
      acknowledged_why: "What they found."
    }
  },
  control: {
    row: "What operators want to be so until it is taken back. An empty name, or -1, stands for all.",
    columns: {
      stream,
      handler: "The handler it is about.",
      partition: "The partition it is about.",
      instance: "The instance it is about.",
      paused: "Whether it is paused.",
      per_second: "Events a second it may handle; null: as many as it can.",
      draining: "Whether the instance is to give its partitions up.",
      actor: "Who wanted it.",
      why: "Their reason.",
      at: "When."
    }
  },
  operation: {
    row: "What operators did, in the order they did it.",
    columns: {
      id: "Ascending.",
      stream,
      act: "What was done, such as `pause`.",
      actor: "Who, as they said.",
      why: "Their reason.",
      handler: "The handler it was about; null: none, or all.",
      key: "The key it was about; null: none.",
      partition: "The partition it was about; null: none, or all.",
      instance: "The instance it was about; null: none.",
      detail: "What else there is to say, such as a rate.",
      at: "When."
    }
  }
}
