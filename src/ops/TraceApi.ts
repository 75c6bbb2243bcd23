import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { eventStates } from "./eventStates.ts"
import { partitionMax, wholeText } from "./opsFields.ts"
import { NotFoundProblem, StoreUnavailableProblem } from "./opsProblems.ts"

/** An event in the stream, without its payload. */
export const TailEventBody = Schema.Struct({
  seq: Schema.Int,
  /** When the broker stored it. */
  storedAtMs: Schema.Int,
  partition: Schema.Int,
  type: Schema.String,
  key: Schema.String,
  version: Schema.Int,
  eventId: Schema.String,
  traceparent: Schema.String,
  payloadBytes: Schema.Int,
  /** Where an outcome was asked for: the handlers that have made it of this event. */
  handlers: Schema.optionalKey(Schema.Array(Schema.String))
})
export type TailEventBody = typeof TailEventBody.Type

/** An event whole. `payload` is JSON text; fields marked Redacted in their Schema are masked. */
export const EventBody = Schema.Struct({
  ...TailEventBody.fields,
  /** In milliseconds since 1970, by the clock of the process that appended it. */
  appendedAtMs: Schema.Int,
  headers: Schema.Record(Schema.String, Schema.String),
  payload: Schema.String
})
export type EventBody = typeof EventBody.Type

const Attempt = Schema.Struct({
  attempt: Schema.Int,
  atMs: Schema.Int,
  tag: Schema.String,
  message: Schema.String,
  instance: Schema.String
})

/**
 * What a handler has made of an event. `passed`: not one of its types. `waiting`: behind others of its partition, or its
 * key. `retrying`: put aside, tried again by itself. `parked`: waits for somebody. `behind`: put aside behind another
 * event of its key. `discarded`: somebody took it out.
 */
export const HandledBody = Schema.Struct({
  handler: Schema.String,
  state: Schema.Literals(eventStates),
  /** Effects outside that say so: when it was begun and when it was confirmed. */
  intendedAtMs: Schema.NullOr(Schema.Int),
  confirmedAtMs: Schema.NullOr(Schema.Int),
  attempts: Schema.Array(Attempt),
  /** Why it waits, for people; null when it does not. */
  why: Schema.NullOr(Schema.String),
  /** When the next attempt is due. */
  dueAtMs: Schema.NullOr(Schema.Int)
})
export type HandledBody = typeof HandledBody.Type

/** One event of a key, from its append to its last handler. */
export const TracedEventBody = Schema.Struct({
  version: Schema.Int,
  type: Schema.String,
  eventId: Schema.String,
  traceparent: Schema.String,
  /** By the clock of the process that appended it. */
  appendedAtMs: Schema.Int,
  /** `held`: its key is held back in the outbox. */
  outbox: Schema.Literals(["waiting", "held", "published"]),
  seq: Schema.NullOr(Schema.Int),
  storedAtMs: Schema.NullOr(Schema.Int),
  partition: Schema.Int,
  payload: Schema.NullOr(Schema.String),
  handlers: Schema.Array(HandledBody)
})
export type TracedEventBody = typeof TracedEventBody.Type

/** All that is known of a key. */
export const TraceBody = Schema.Struct({
  /** What was asked for, and the key that it belongs to. */
  asked: Schema.String,
  key: Schema.String,
  partition: Schema.Int,
  /** Version of its last event; 0: there is none. */
  version: Schema.Int,
  /** Oldest first. */
  events: Schema.Array(TracedEventBody),
  /** Events that are not among them: older than what was looked through, or purged. */
  earlier: Schema.Int,
  /** Whether each handler has taken its events in order, none missing. */
  inOrder: Schema.Boolean,
  /** `yes, 5 of 5`, or what is wrong. */
  verdict: Schema.String,
  /** Why it waits now, a sentence each; none: all is done. */
  waits: Schema.Array(Schema.String),
  acts: Schema.Array(
    Schema.Struct({
      atMs: Schema.Int,
      handler: Schema.String,
      act: Schema.String,
      actor: Schema.String,
      why: Schema.String,
      version: Schema.NullOr(Schema.Int)
    })
  )
})
export type TraceBody = typeof TraceBody.Type

/** Events that the tail shows, at most. */
export const tailMax = 500

/** Events of a key that a trace shows, the newest. */
export const traceEventsMax = 200

const TailQuery = {
  type: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(64))),
  key: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(1_100))),
  partition: Schema.optionalKey(wholeText(0, partitionMax)),
  /** Only what a handler, or this one, has made this of; of the newest events, as they are now. */
  outcome: Schema.optionalKey(Schema.Literals(eventStates)),
  handler: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(64))),
  /** Only behind this sequence. */
  afterSeq: Schema.optionalKey(wholeText(0, Number.MAX_SAFE_INTEGER)),
  limit: Schema.optionalKey(wholeText(1, tailMax))
}

export const traceGroup = HttpApiGroup.make("trace")
  .add(
    HttpApiEndpoint.get("tail", "/tail", {
      query: TailQuery,
      /** Newest first, of the newest that were looked through. */
      success: Schema.Struct({ lastSeq: Schema.Int, events: Schema.Array(TailEventBody) }),
      error: StoreUnavailableProblem
    }).annotate(OpenApi.Summary, "The newest events of the stream"),
    HttpApiEndpoint.get("event", "/events/:seq", {
      params: { seq: wholeText(1, Number.MAX_SAFE_INTEGER) },
      success: EventBody,
      error: [NotFoundProblem, StoreUnavailableProblem]
    }).annotate(OpenApi.Summary, "One event of the stream, with its payload"),
    HttpApiEndpoint.get("trace", "/trace/:name", {
      params: { name: Schema.String.check(Schema.isMaxLength(1_100)) },
      success: TraceBody,
      error: [NotFoundProblem, StoreUnavailableProblem]
    }).annotate(OpenApi.Summary, "All that is known of a key, or of what the application has such a name for")
  )
  .prefix("/ops")
