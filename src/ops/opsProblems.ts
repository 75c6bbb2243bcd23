import { Schema } from "effect"
import { HttpApiError } from "effect/http-api"

const urn = <const Text extends string>(name: Text) => `urn:millrace:${name}` as const

const errors = Schema.Array(HttpApiError.ProblemIssue)

/** 404: this handler has not parked this key (any more), or not this event of it. */
export class KeyNotParkedProblem extends HttpApiError.Problem<KeyNotParkedProblem>()(
  "KeyNotParkedProblem",
  { type: urn("key-not-parked"), status: 404, title: "This handler has not parked this key, or not this event of it" },
  { handler: Schema.String, key: Schema.String }
) {}

/**
 * 422: the edited payload does not fit its event's Schema, or would belong to another key. `errors` name the fields.
 */
export class EventUnreadableProblem extends HttpApiError.Problem<EventUnreadableProblem>()(
  "EventUnreadableProblem",
  { type: urn("event-unreadable"), status: 422, title: "The edited event does not fit its Schema" },
  { errors }
) {}

/** 503: Postgres or NATS does not answer. Nothing was done; ask again. */
export class StoreUnavailableProblem extends HttpApiError.Problem<StoreUnavailableProblem>()(
  "StoreUnavailableProblem",
  {
    type: urn("unavailable"),
    status: 503,
    title: "Not now; try again"
  }
) {}

/** 404: there is no such handler, partition, instance or event. */
export class NotFoundProblem extends HttpApiError.Problem<NotFoundProblem>()("NotFoundProblem", {
  type: urn("not-found"),
  status: 404,
  title: "There is no such thing"
}) {}

/** 409: instances of an earlier version run, which know one number of partitions only; `instances` are their ids. */
export class OlderInstancesProblem extends HttpApiError.Problem<OlderInstancesProblem>()(
  "OlderInstancesProblem",
  {
    type: urn("older-instances"),
    status: 409,
    title: "Instances of an earlier version run, which know one number of partitions only: stop or update them first"
  },
  { instances: Schema.Array(Schema.String) }
) {}

/** 403: the surface was mounted read-only, and this would change something. */
export class ReadOnlyProblem extends HttpApiError.Problem<ReadOnlyProblem>()("ReadOnlyProblem", {
  type: urn("read-only"),
  status: 403,
  title: "Operations are read-only here: OPS_READ_ONLY is set"
}) {}
