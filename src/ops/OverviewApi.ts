import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { partitionMax, wholeText } from "./opsFields.ts"
import { NotFoundProblem, StoreUnavailableProblem } from "./opsProblems.ts"

/** Time from an event's append to its being handled, in milliseconds; null: nothing was handled in the last half minute. */
export const LatencyBody = Schema.NullOr(
  Schema.Struct({ p50: Schema.Finite, p95: Schema.Finite, p99: Schema.Finite, max: Schema.Finite })
)

/**
 * What a partition of a handler is at, one letter each: `i`dle, `a`ctive, `f`ailing (attempts fail), `s`talled (events
 * wait and nothing is handled), `h`eld (its handler rests or too much is parked), `p`aused by somebody, `d`raining,
 * `u`nowned.
 */
export const partitionStates = {
  i: "idle",
  a: "active",
  f: "failing",
  s: "stalled",
  h: "held",
  p: "paused",
  d: "draining",
  u: "unowned"
} as const
export type PartitionState = (typeof partitionStates)[keyof typeof partitionStates]

/** Columns by partition, each as long as the handler reads partitions; -1: not known. */
const Columns = Schema.Struct({
  /** Number of the first; below the stream's: it reads what was published before their number was changed. */
  first: Schema.Int,
  /** A letter of `partitionStates` for each. */
  states: Schema.String,
  /** Events in the stream that are not handled. */
  lag: Schema.Array(Schema.Int),
  /** Age of the oldest of them. */
  oldestMs: Schema.Array(Schema.Int),
  perSecond: Schema.Array(Schema.Finite),
  p95Ms: Schema.Array(Schema.Int),
  /** Failed attempts in the last minute. */
  failures: Schema.Array(Schema.Int)
})

const Said = Schema.Struct({ actor: Schema.String, why: Schema.String, atMs: Schema.Int })

/** A handler over all its partitions. */
export const HandlerBody = Schema.Struct({
  name: Schema.String,
  delivery: Schema.Literals(["ordered", "balanced"]),
  /** By an operator; null: it is not. */
  paused: Schema.NullOr(Said),
  /** Why it rests by itself: its downstream is down, or too much is parked. Null: it does not. */
  resting: Schema.NullOr(Schema.String),
  /** Events a second at most, over all instances, by an operator. */
  throttledPerSecond: Schema.NullOr(Schema.Finite),
  handledPerSecond: Schema.Finite,
  failedPerSecond: Schema.Finite,
  latency: LatencyBody,
  lag: Schema.Int,
  oldestMs: Schema.Int,
  inHand: Schema.Int,
  /** Seconds until the lag is gone at the present pace; null: it does not shrink. 0: there is none. */
  drainSeconds: Schema.NullOr(Schema.Int),
  parkedKeys: Schema.Int,
  parkedEvents: Schema.Int,
  retryingKeys: Schema.Int,
  violations: Schema.Int,
  /** Sum of its leases' epochs: it grows with each partition that is claimed. */
  epochs: Schema.Int,
  partitions: Columns
})
export type HandlerBody = typeof HandlerBody.Type

/** A process that shows itself alive. */
export const InstanceBody = Schema.Struct({
  id: Schema.String,
  host: Schema.String,
  version: Schema.String,
  roles: Schema.Array(Schema.String),
  startedAtMs: Schema.Int,
  /** Since its last beat. */
  seenMs: Schema.Int,
  leads: Schema.Boolean,
  partitions: Schema.Int,
  inHand: Schema.Int,
  draining: Schema.Boolean
})
export type InstanceBody = typeof InstanceBody.Type

/** A shipped alert rule, and how it stands. */
export const AlertBody = Schema.Struct({
  name: Schema.String,
  severity: Schema.Literals(["critical", "warning"]),
  firing: Schema.Boolean,
  sinceMs: Schema.NullOr(Schema.Int),
  /** What is measured, now, and the limit, for people. */
  value: Schema.String,
  threshold: Schema.String,
  summary: Schema.String,
  /** The heading of the runbook, as an anchor. */
  runbook: Schema.String
})
export type AlertBody = typeof AlertBody.Type

/** What could not be read, and why. What is shown of it is old. */
const Stale = Schema.Struct({ what: Schema.Literals(["postgres", "nats"]), sinceMs: Schema.Int, why: Schema.String })

/** A pipeline at one moment: small, and whole, so that a reader who missed some has missed nothing. */
export const OverviewBody = Schema.Struct({
  atMs: Schema.Int,
  stream: Schema.String,
  environment: Schema.String,
  version: Schema.String,
  /** How the commands of its command line begin. */
  command: Schema.String,
  readOnly: Schema.Boolean,
  stale: Schema.Array(Stale),
  /** What is published to: so many partitions, from number `first` on. */
  partitions: Schema.Int,
  first: Schema.Int,
  /** So many somebody wants instead; the relay begins with them within a second. */
  wantedPartitions: Schema.NullOr(Schema.Int),
  /** Events a second that were appended, published, and handled by all handlers together. */
  rates: Schema.Struct({ appended: Schema.Finite, published: Schema.Finite, handled: Schema.Finite }),
  latency: LatencyBody,
  outbox: Schema.Struct({
    rows: Schema.Int,
    /** There are more than were counted. */
    more: Schema.Boolean,
    oldestMs: Schema.Int,
    /** Keys held back in the outbox. */
    heldKeys: Schema.Int
  }),
  relay: Schema.Struct({
    leader: Schema.NullOr(Schema.String),
    epoch: Schema.Int,
    failing: Schema.NullOr(Schema.String)
  }),
  broker: Schema.Struct({
    firstSeq: Schema.Int,
    lastSeq: Schema.Int,
    messages: Schema.Int,
    bytes: Schema.Int,
    /** -1: without a limit. */
    bytesMax: Schema.Int
  }),
  lag: Schema.Struct({ events: Schema.Int, oldestMs: Schema.Int, inHand: Schema.Int }),
  parked: Schema.Struct({ keys: Schema.Int, events: Schema.Int, retryingKeys: Schema.Int }),
  /** Must be 0. */
  violations: Schema.Int,
  handlers: Schema.Array(HandlerBody),
  instances: Schema.Array(InstanceBody),
  alerts: Schema.Array(AlertBody)
})
export type OverviewBody = typeof OverviewBody.Type

/** Columns over time, oldest first; null: nothing was measured then. */
export const HistoryBody = Schema.Struct({
  /** Milliseconds since 1970. */
  atMs: Schema.Array(Schema.Int),
  appended: Schema.Array(Schema.NullOr(Schema.Finite)),
  handled: Schema.Array(Schema.NullOr(Schema.Finite)),
  p50: Schema.Array(Schema.NullOr(Schema.Finite)),
  p95: Schema.Array(Schema.NullOr(Schema.Finite)),
  p99: Schema.Array(Schema.NullOr(Schema.Finite)),
  outboxRows: Schema.Array(Schema.NullOr(Schema.Finite)),
  outboxOldestMs: Schema.Array(Schema.NullOr(Schema.Finite)),
  lag: Schema.Array(Schema.NullOr(Schema.Finite)),
  lagOldestMs: Schema.Array(Schema.NullOr(Schema.Finite)),
  parkedKeys: Schema.Array(Schema.NullOr(Schema.Finite)),
  violations: Schema.Array(Schema.NullOr(Schema.Finite))
})
export type HistoryBody = typeof HistoryBody.Type

/** One partition of one handler, closely. */
export const PartitionBody = Schema.Struct({
  handler: Schema.String,
  partition: Schema.Int,
  state: Schema.Literals(Object.values(partitionStates)),
  owner: Schema.NullOr(Schema.String),
  epoch: Schema.Int,
  cursor: Schema.Int,
  lag: Schema.Int,
  oldestMs: Schema.Int,
  inHand: Schema.Int,
  perSecond: Schema.Finite,
  p95Ms: Schema.Int,
  failures: Schema.Int,
  /** Of the oldest events in hand, where they are for longer than a second; ten at most. */
  keysInFlight: Schema.Array(Schema.String),
  paused: Schema.NullOr(Said),
  lastError: Schema.NullOr(Schema.Struct({ atMs: Schema.Int, key: Schema.String, message: Schema.String }))
})
export type PartitionBody = typeof PartitionBody.Type

/** What somebody did, or what the pipeline had to say. Newest first. */
export const ActivityBody = Schema.Struct({
  atMs: Schema.Int,
  /** `operator`: an act. `pipeline`: a signal. */
  source: Schema.Literals(["operator", "pipeline"]),
  /** Who acted, or which instance spoke. */
  who: Schema.String,
  /** Such as `pause`, `replay`, or the signal's name. */
  what: Schema.String,
  level: Schema.Literals(["info", "warning", "error"]),
  /** A sentence. */
  text: Schema.String,
  handler: Schema.NullOr(Schema.String),
  key: Schema.NullOr(Schema.String),
  /** How the same is done by the command line; null for signals. */
  cli: Schema.NullOr(Schema.String)
})
export type ActivityBody = typeof ActivityBody.Type

/** Entries of the activity that are listed at a time. */
export const activityMax = 500

/** Frames a second that the live feed sends, at most, and the silence after which it sends the present one again. */
export const feedFramesPerSecondMax = 2
export const feedHeartbeatSeconds = 15

export const overviewGroup = HttpApiGroup.make("overview")
  .add(
    HttpApiEndpoint.get("overview", "/overview", { success: OverviewBody }).annotate(
      OpenApi.Summary,
      "The pipeline at this moment. What cannot be read is shown as it was, and named in `stale`"
    ),
    HttpApiEndpoint.get("live", "/live", { success: HttpApiSchema.StreamSse({ data: OverviewBody }) }).annotate(
      OpenApi.Summary,
      "The same, whenever it changes: two frames a second at most"
    ),
    HttpApiEndpoint.get("history", "/history", {
      query: { minutes: wholeText(1, 1_440) },
      success: HistoryBody
    }).annotate(OpenApi.Summary, "What was measured: 15 minutes by the second, 24 hours by the minute"),
    HttpApiEndpoint.get("partition", "/partitions/:handler/:partition", {
      params: { handler: Schema.String, partition: wholeText(0, partitionMax) },
      success: PartitionBody,
      error: [NotFoundProblem, StoreUnavailableProblem]
    }).annotate(OpenApi.Summary, "One partition of one handler"),
    HttpApiEndpoint.get("activity", "/activity", {
      query: { limit: Schema.optionalKey(wholeText(1, activityMax)) },
      success: Schema.Array(ActivityBody),
      error: StoreUnavailableProblem
    }).annotate(OpenApi.Summary, "What operators did and what the pipeline had to say, newest first")
  )
  .prefix("/ops")
