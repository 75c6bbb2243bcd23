import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { line, partitionMax } from "./opsFields.ts"
import { NotFoundProblem, OlderInstancesProblem, ReadOnlyProblem, StoreUnavailableProblem } from "./opsProblems.ts"

const by = { actor: line(255).check(Schema.isMinLength(1)), why: line(2_000) }

const handler = line(64).check(Schema.isMinLength(1))

/** A number that a partition may have. */
export const PartitionNumber = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: partitionMax }))

/** How many partitions a stream may have. */
export const PartitionCount = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_024 }))

/**
 * What is to be done. `pause` and `resume`: all handlers, one, or one of its partitions; what is in hand is finished.
 * `throttle`: events a second of a handler over all instances; without a number it is as fast as it can be. `drain` and
 * `undrain`: an instance gives its partitions up and takes none. `repartition`: the stream is to have so many partitions.
 */
export const ControlBody = Schema.Union([
  Schema.Struct({
    act: Schema.Literals(["pause", "resume"]),
    handler: Schema.optionalKey(handler),
    partition: Schema.optionalKey(PartitionNumber),
    ...by
  }).check(
    Schema.makeFilter((body) =>
      body.partition !== undefined && body.handler === undefined
        ? { path: ["handler"], issue: "a partition is one of a handler: say which" }
        : undefined
    )
  ),
  Schema.Struct({
    act: Schema.Literal("throttle"),
    handler,
    perSecond: Schema.NullOr(Schema.Finite.check(Schema.isBetween({ minimum: 0.01, maximum: 1_000_000 }))),
    ...by
  }),
  Schema.Struct({
    act: Schema.Literals(["drain", "undrain"]),
    instance: line(255).check(Schema.isMinLength(1)),
    ...by
  }),
  Schema.Struct({ act: Schema.Literal("repartition"), partitions: PartitionCount, ...by })
])
export type ControlBody = typeof ControlBody.Type

/** `changed`: false when it was so before. `cli`: the same by the command line. */
export const ControlAnswer = Schema.Struct({ changed: Schema.Boolean, cli: Schema.String })

const Finding = Schema.Struct({
  name: Schema.String,
  status: Schema.Literals(["ok", "warning", "failed"]),
  detail: Schema.String,
  remedy: Schema.String
})

export const controlGroup = HttpApiGroup.make("control")
  .add(
    HttpApiEndpoint.post("control", "/control", {
      payload: ControlBody,
      success: ControlAnswer,
      error: [NotFoundProblem, OlderInstancesProblem, ReadOnlyProblem, StoreUnavailableProblem]
    }).annotate(
      OpenApi.Summary,
      "Pause, resume, throttle, drain, repartition; it lasts until it is taken back, over restarts too"
    ),
    HttpApiEndpoint.get("doctor", "/doctor", {
      success: Schema.Struct({ healthy: Schema.Boolean, findings: Schema.Array(Finding) })
    }).annotate(OpenApi.Summary, "The doctor's checks, each with its remedy")
  )
  .prefix("/ops")
