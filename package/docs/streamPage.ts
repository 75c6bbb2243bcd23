/** What is on the wire between Millrace and the broker: subjects, headers, consumers, and the stream's settings. */
import { header, markSubject, partitionSubject, subjectOf } from "../../src/infra/nats/Message.ts"
import { streamNameOf } from "../../src/infra/nats/NatsEventLog.ts"
import { isEssential, streamConfig, streamOptionsDefault } from "../../src/infra/nats/StreamDeclaration.ts"
import { code, generated, type Page, table } from "./Page.ts"

const declaration = { name: "orders", subject: "order", partitions: 16 }

const row = {
  id: 7,
  slot: 3,
  eventId: "01a20299-1ccc-7119-9445-28b5dd152dd7",
  key: "ada",
  version: 2,
  type: "paid",
  traceparent: "",
  payload: ""
}

/** A header that is added has to be told the meaning of, or this does not compile. */
const headerMeanings: { readonly [Name in keyof typeof header]: string } = {
  messageId: "The event's id, a UUIDv7. JetStream drops a second message with the same one within two minutes.",
  expectedLastSequence: "On the first message of a batch: the stream has to end there, or the batch is refused.",
  expectedLastMessageId: "On a single message instead of a batch: the last one has to be that one.",
  batchId: "Which atomic batch it belongs to.",
  batchSequence: "Its place in the batch, from 1.",
  batchCommit: "On the last message of a batch: store all of them now.",
  outboxId: "Id of the row in the outbox, by which the relay finds what it may delete.",
  key: "The key, percent-encoded, as header values are trimmed and must be one line.",
  version: "The event's position in its key's history: 1, 2, 3 … without gaps.",
  traceparent: "W3C trace context of whoever appended it; empty when nobody traced."
}

const configMeanings: { readonly [Field in keyof ReturnType<typeof streamConfig>]: string } = {
  name: "The stream's name in capitals.",
  subjects: "Everything the relay publishes, and nothing else.",
  storage: "On disk.",
  retention: "The log is read by many, so reading deletes nothing.",
  discard: "A full stream refuses, and events wait in the outbox; nothing is dropped that nobody has read.",
  max_bytes: "Size at which it is full, in bytes (`maxBytes`).",
  max_age: "How long events stay, in nanoseconds (`maxAgeDays`).",
  duplicate_window: "How long message ids are remembered, in nanoseconds. Order and once do not rest on it.",
  num_replicas: "Copies in a cluster (`replicas`).",
  max_consumers: "Room for one consumer of each handler and partition.",
  allow_atomic: "The relay's batches are stored whole or not at all."
}

const consumers = [
  [
    "`orders-mail-p3-e12-g1`",
    "ordered",
    "handler `mail`, partition 3, in epoch 12: of one owner, in the broker's memory, gone with it"
  ],
  [
    "`orders-analytics-r0`",
    "balanced",
    "handler `analytics`, shared by all instances, durable; `r` counts how often the stream was turned back"
  ]
]

const doorbells = [
  [
    "`millrace.doorbell.<name>`",
    "Empty messages of core NATS that wake who waits. They may be lost: everybody polls, too."
  ]
]

export const streamPage = (): Page => {
  const headers = Object.entries(headerMeanings).map(([name, meaning]) => [code(nameOfHeader(name)), meaning])
  const config = streamConfig(streamNameOf(declaration.name), declaration, streamOptionsDefault)
  const settings = Object.entries(config).map(([field, value]) => [
    `${code(field)}${isEssential({ field, declared: "", found: "" }) ? " (must be so)" : ""}`,
    code(JSON.stringify(value)),
    Object.entries(configMeanings).find(([name]) => name === field)?.[1] ?? ""
  ])
  const text = `# Subjects, headers and the stream

${generated}

Examples are of the stream \`orders\` with the subject \`order\` and ${declaration.partitions} partitions. Only the relay writes to it: a message of somebody else is parked as
an order violation instead of being lost. The body is the event as JSON text; its Schema version is its field \`schemaVersion\`, from the second version on.

## Subjects

${table(
  ["subject", "what it is"],
  [
    [
      code(subjectOf(declaration, row)),
      "An event of type `paid`; the token before it is the partition, from the key's hash"
    ],
    [code(partitionSubject(declaration, 3)), "All of a partition: what a consumer of an ordered handler reads"],
    [
      code(markSubject(declaration)),
      "Marks: from here on the number of partitions is another. JSON of all there were, the newest last"
    ],
    ...doorbells
  ]
)}

## Headers

${table(["header", "what it says"], headers)}

## Consumers

${table(["name", "of a handler that is", "what it is"], consumers)}

What the broker knows of them is flow control. Where a handler is, is in [\`lease\` and \`progress\`](tables.md#lease).

## The stream

Made at the first start. Where it is found otherwise, what *must be so* stops the start with \`StreamMismatch\`; the rest is reported and left alone.

${table(["setting", "value", "why"], settings)}
`
  return { path: "docs/reference/stream.md", text }
}

const nameOfHeader = (name: string) => Object.entries(header).find(([own]) => own === name)?.[1] ?? ""
