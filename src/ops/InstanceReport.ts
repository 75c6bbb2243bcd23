import { Schema } from "effect"

/** What an instance has handled of a handler since it was started. */
const HandlerReport = Schema.Struct({
  name: Schema.String,
  handled: Schema.Int,
  failed: Schema.Int,
  /** By bucket of `latencyBoundsMs`. */
  latency: Schema.Array(Schema.Int),
  resting: Schema.NullOr(Schema.String),
  inHand: Schema.Int
})
export type HandlerReport = typeof HandlerReport.Type

/**
 * A partition in hand, as a row: the handler's place in `handlers`, the partition, events handled since the start, failed
 * attempts in the last minute, events in hand, when the oldest of them was appended (0: none), and the p95 of the last half
 * minute in milliseconds.
 */
const PartitionReport = Schema.Tuple([
  Schema.Int,
  Schema.Int,
  Schema.Int,
  Schema.Int,
  Schema.Int,
  Schema.Int,
  Schema.Int
])
export type PartitionReport = typeof PartitionReport.Type

/** Keys in flight of a partition, of the oldest event first: the handler's place in `handlers`, the partition, the keys. */
const KeysReport = Schema.Tuple([Schema.Int, Schema.Int, Schema.Array(Schema.String)])
export type KeysReport = typeof KeysReport.Type

const ErrorReport = Schema.Struct({
  handler: Schema.String,
  partition: Schema.Int,
  key: Schema.String,
  atMs: Schema.Int,
  message: Schema.String
})
export type ErrorReport = typeof ErrorReport.Type

const SignalReport = Schema.Struct({
  atMs: Schema.Int,
  tag: Schema.String,
  level: Schema.Literals(["info", "warning", "error"]),
  text: Schema.String,
  handler: Schema.NullOr(Schema.String),
  key: Schema.NullOr(Schema.String)
})
export type SignalReport = typeof SignalReport.Type

/** What an instance says of itself with its beats, for those who look at the pipeline. */
export const InstanceReport = Schema.Struct({
  leads: Schema.Boolean,
  relayFailing: Schema.NullOr(Schema.String),
  draining: Schema.Boolean,
  handlers: Schema.Array(HandlerReport),
  partitions: Schema.Array(PartitionReport),
  /** Of partitions whose oldest event is in hand for longer than `keysAfterMs`; left out by older versions. */
  inFlight: Schema.optionalKey(Schema.Array(KeysReport)),
  /** The newest of partitions in hand. */
  errors: Schema.Array(ErrorReport),
  /** The newest that are worth a look, oldest first. */
  signals: Schema.Array(SignalReport),
  leaseChanges: Schema.Int,
  shrinks: Schema.Int
})
export type InstanceReport = typeof InstanceReport.Type

const Text = Schema.fromJsonString(InstanceReport)

/** The report in a text; none when it is of another version. */
export const reportIn = Schema.decodeOption(Text)

/** Signals and errors that a report has, the newest; and how long their texts are. */
export const signalsReportedMax = 50
export const errorsReportedMax = 50
export const textMaxChars = 300

/**
 * Keys in flight that a report has: of so many of a partition, and so much text in all, of what is stuck longest. What is
 * handled within a second is gone before anybody has read of it.
 */
export const keysAfterMs = 1_000
export const keysOfPartitionMax = 10
export const keysReportedMaxChars = 8_192
