import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, HttpApiMiddleware, OpenApi } from "effect/http-api"
import { controlGroup } from "./ControlApi.ts"
import { line, wholeText } from "./opsFields.ts"
import { EventUnreadableProblem, KeyNotParkedProblem, ReadOnlyProblem, StoreUnavailableProblem } from "./opsProblems.ts"
import { overviewGroup } from "./OverviewApi.ts"
import { traceGroup } from "./TraceApi.ts"
import { violationsGroup } from "./ViolationsApi.ts"

/** A handler, and what it has parked: a key, or a single event by `key@version`. */
const Name = { handler: line(64), key: line(1_100) }

const FailedAttempt = Schema.Struct({
  attempt: Schema.Int,
  at: Schema.DateTimeUtcFromString,
  tag: Schema.String,
  message: Schema.String,
  instance: Schema.String
})

/** A parked key as it travels. */
export const ParkedKeyBody = Schema.Struct({
  ...Name,
  partition: Schema.Int,
  status: Schema.Literals(["parked", "retrying"]),
  generation: Schema.Int,
  attempts: Schema.Int,
  dueAt: Schema.NullOr(Schema.DateTimeUtcFromString),
  reason: Schema.Struct({ tag: Schema.String, message: Schema.String, stack: Schema.String }),
  history: Schema.Array(FailedAttempt),
  parkedAt: Schema.DateTimeUtcFromString,
  events: Schema.Int,
  first: Schema.NullOr(Schema.Struct({ version: Schema.Int, type: Schema.String, traceparent: Schema.String }))
})
export type ParkedKeyBody = typeof ParkedKeyBody.Type

/** An event of it. `payload` is the text as it is stored; `unreadable` says what today's Schema does not accept of it. */
export const ParkedEventBody = Schema.Struct({
  version: Schema.Int,
  type: Schema.String,
  eventId: Schema.String,
  traceparent: Schema.String,
  payload: Schema.String,
  original: Schema.NullOr(Schema.String),
  unreadable: Schema.NullOr(Schema.String)
})

const Act = Schema.Struct({
  act: Schema.Literals(["replay", "edit", "skip", "discard"]),
  version: Schema.NullOr(Schema.Int),
  actor: Schema.String,
  why: Schema.String,
  at: Schema.DateTimeUtcFromString,
  before: Schema.NullOr(Schema.String),
  after: Schema.NullOr(Schema.String)
})

/** A parked key with its oldest events and what was done to it. */
export const ParkedDetailBody = Schema.Struct({
  parked: ParkedKeyBody,
  events: Schema.Array(ParkedEventBody),
  acts: Schema.Array(Act)
})

const whole = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** Parked keys listed at a time. */
export const keysListedMax = 1_000

/** Parked keys that one request acts on. */
export const keysActedMax = 100_000

/** Keys replayed a second, unless it is said otherwise: a hundred thousand at once would be in the way of the live flow. */
export const replayRateDefaultPerSecond = 100

const filter = {
  handler: Schema.optionalKey(Name.handler),
  key: Schema.optionalKey(Name.key),
  tag: Schema.optionalKey(line(255)),
  status: Schema.optionalKey(Schema.Literals(["parked", "retrying"]))
}

const ListQuery = {
  ...filter,
  olderThanSeconds: Schema.optionalKey(wholeText(0, 315_360_000)),
  limit: Schema.optionalKey(wholeText(1, keysListedMax)),
  afterHandler: Schema.optionalKey(Name.handler),
  afterKey: Schema.optionalKey(Name.key),
  afterParkedAt: Schema.optionalKey(Schema.DateTimeUtcFromString)
}

const By = {
  actor: line(255).check(Schema.isMinLength(1)),
  why: line(2_000)
}

/** What is to be done to which keys. Discarding needs a reason. */
export const ActBody = Schema.Struct({
  act: Schema.Literals(["replay", "skip", "discard"]),
  filter: Schema.Struct({ ...filter, olderThanSeconds: Schema.optionalKey(whole(0, 315_360_000)) }),
  limit: Schema.optionalKey(whole(1, keysActedMax)),
  dryRun: Schema.optionalKey(Schema.Boolean),
  ratePerSecond: Schema.optionalKey(whole(1, 100_000)),
  ...By
}).check(
  Schema.makeFilter(({ act, why }) =>
    act === "discard" && why === "" ? { path: ["why"], issue: "discarding needs a reason" } : undefined
  )
)
export type ActBody = typeof ActBody.Type

/** What was done, or would be: the first keys by name. */
export const ActAnswer = Schema.Struct({
  matched: Schema.Int,
  done: Schema.Int,
  dryRun: Schema.Boolean,
  keys: Schema.Array(Schema.Struct(Name))
})

/** Keys an answer names. */
export const keysNamedMax = 100

const EditBody = Schema.Struct({
  ...Name,
  version: Schema.Int,
  payload: Schema.String,
  dryRun: Schema.optionalKey(Schema.Boolean),
  ...By
})

/** What an edit changed, or would: payloads, and the difference as JSON Patch (RFC 6902). */
export const EditAnswer = Schema.Struct({
  before: Schema.String,
  after: Schema.String,
  diff: Schema.Array(Schema.Unknown),
  dryRun: Schema.Boolean
})

const parked = HttpApiGroup.make("parked")
  .add(
    HttpApiEndpoint.get("list", "/parked", {
      query: ListQuery,
      success: Schema.Struct({ total: Schema.Int, keys: Schema.Array(ParkedKeyBody) }),
      error: StoreUnavailableProblem
    }).annotate(OpenApi.Summary, "Parked keys, the oldest first"),
    HttpApiEndpoint.get("show", "/parked/:handler/:key", {
      params: Name,
      query: { events: Schema.optionalKey(wholeText(1, 1_000)) },
      success: ParkedDetailBody,
      error: [KeyNotParkedProblem, StoreUnavailableProblem]
    }).annotate(OpenApi.Summary, "A parked key: its events, attempts and what was done to it"),
    HttpApiEndpoint.post("act", "/parked/act", {
      payload: ActBody,
      success: ActAnswer,
      error: [ReadOnlyProblem, StoreUnavailableProblem]
    }).annotate(OpenApi.Summary, "Replay, skip or discard, in bulk; dryRun only says what would happen"),
    HttpApiEndpoint.post("edit", "/parked/edit", {
      payload: EditBody,
      success: EditAnswer,
      error: [KeyNotParkedProblem, EventUnreadableProblem, ReadOnlyProblem, StoreUnavailableProblem]
    }).annotate(OpenApi.Summary, "Replace an event's payload; it must fit the event's Schema and keep its key")
  )
  .prefix("/ops")

/**
 * Operations on a running pipeline, as a contract for `HttpApiClient.make`. Served to this machine, or to whoever has the token. Its
 * requests are listed in `docs/reference/operations-api.md`.
 */
export class OpsApi extends HttpApi.make("ops-api")
  .add(parked, overviewGroup, traceGroup, controlGroup, violationsGroup)
  .middleware(HttpApiMiddleware.ProblemDetails)
  .annotate(HttpApi.ParseOptions, { errors: "all" })
  .annotateMerge(OpenApi.annotations({ title: "Millrace operations" })) {}
