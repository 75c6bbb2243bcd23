import { Result } from "effect"
import type { OutboxRow, StoredEvent } from "../../pipeline/Envelope.ts"
import type { LogDeclaration } from "../../pipeline/EventLog.ts"
import { partitionOf } from "../../pipeline/Partition.ts"

/** Header names on the wire. They are part of the stored data and must not change. */
export const header = {
  messageId: "Nats-Msg-Id",
  expectedLastSequence: "Nats-Expected-Last-Sequence",
  expectedLastMessageId: "Nats-Expected-Last-Msg-Id",
  batchId: "Nats-Batch-Id",
  batchSequence: "Nats-Batch-Sequence",
  batchCommit: "Nats-Batch-Commit",
  outboxId: "Millrace-Outbox-Id",
  key: "Millrace-Key",
  version: "Millrace-Version",
  traceparent: "traceparent"
} as const

/** `order.partition.3.paid`: coarse on purpose, because the broker's fences slow down with the number of subjects. */
export const subjectOf = (declaration: LogDeclaration, row: OutboxRow) =>
  `${declaration.subject}.partition.${partitionOf(row.slot, declaration)}.${row.type}`

/** All subjects of a partition. */
export const partitionSubject = (declaration: LogDeclaration, partition: number) =>
  `${declaration.subject}.partition.${partition}.>`

/** Where marks are: of no partition, so that no reader of one gets them. */
export const markSubject = (declaration: LogDeclaration) => `${declaration.subject}.partition.topology`

/** Whether a message is a mark. */
export const isMark = (subject: string) => subject.endsWith(".partition.topology")

/** The headers every message of ours carries. Keys are percent-encoded: header values are trimmed and must be one line. */
export const headersOf = (row: OutboxRow): ReadonlyArray<readonly [string, string]> => [
  [header.messageId, row.eventId],
  [header.outboxId, String(row.id)],
  [header.key, encodeURIComponent(row.key)],
  [header.version, String(row.version)],
  [header.traceparent, row.traceparent]
]

/** What a header block says of an event, if it is one of ours. */
export const readHeaders = (
  get: (name: string) => string
): Pick<StoredEvent, "eventId" | "outboxId" | "key" | "version" | "traceparent"> | undefined => {
  const outboxId = wholeNumber(get(header.outboxId))
  const version = wholeNumber(get(header.version))
  const eventId = get(header.messageId)
  const key = decodeKey(get(header.key))
  if (!uuid.test(eventId) || outboxId === undefined || version === undefined || key === undefined) return undefined
  return { eventId, outboxId, version, key, traceparent: get(header.traceparent) }
}

const wholeNumber = (text: string) => (/^[1-9][0-9]{0,15}$/.test(text) ? Number(text) : undefined)

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const decodeKey = (text: string) => {
  const key = Result.getOrElse(
    Result.try(() => decodeURIComponent(text)),
    () => ""
  )
  return key === "" || key.includes("\0") ? undefined : key
}

/**
 * Somebody else wrote to the stream. Only the relay should, so this is evidence of a mistake; it is delivered as an
 * impossible version of a key of its own, which parks it as an order violation instead of losing it.
 */
export const foreignEvent = (
  seq: number
): Pick<StoredEvent, "eventId" | "outboxId" | "key" | "version" | "traceparent"> => ({
  eventId: "00000000-0000-0000-0000-000000000000",
  outboxId: 0,
  key: "(not written by the relay)",
  version: seq + 1,
  traceparent: ""
})
