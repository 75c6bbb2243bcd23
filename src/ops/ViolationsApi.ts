import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { line, wholeText } from "./opsFields.ts"
import { NotFoundProblem, ReadOnlyProblem, StoreUnavailableProblem } from "./opsProblems.ts"

const Name = { handler: line(64).check(Schema.isMinLength(1)), key: line(1_100).check(Schema.isMinLength(1)) }

/** Violations that are listed, at most. */
export const violationsListedMax = 1_000

/** An order violation as it travels. `parkedEvents`: what the handler has put aside of this key, whatever is acknowledged. */
export const ViolationBody = Schema.Struct({
  id: Schema.Int,
  ...Name,
  handledVersion: Schema.Int,
  version: Schema.Int,
  seenAtMs: Schema.Int,
  parkedEvents: Schema.Int,
  /** Null: it is open, and counts. */
  acknowledged: Schema.NullOr(Schema.Struct({ actor: Schema.String, why: Schema.String, atMs: Schema.Int }))
})
export type ViolationBody = typeof ViolationBody.Type

/** `open` counts those that nobody has acknowledged, of the same filter. */
export const ViolationsBody = Schema.Struct({ open: Schema.Int, violations: Schema.Array(ViolationBody) })
export type ViolationsBody = typeof ViolationsBody.Type

/** Which violations somebody has looked into, and what was found. `upToId`: the newest that was seen; later ones stay open. */
export const AcknowledgeBody = Schema.Struct({
  ...Name,
  upToId: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))),
  dryRun: Schema.optionalKey(Schema.Boolean),
  actor: line(255).check(Schema.isMinLength(1)),
  why: line(2_000).check(Schema.isMinLength(1))
})
export type AcknowledgeBody = typeof AcknowledgeBody.Type

/** How many were acknowledged, or would be. `cli`: the same by the command line. */
export const AcknowledgeAnswer = Schema.Struct({
  acknowledged: Schema.Int,
  dryRun: Schema.Boolean,
  parkedEvents: Schema.Int,
  cli: Schema.String
})

export const violationsGroup = HttpApiGroup.make("violations")
  .add(
    HttpApiEndpoint.get("list", "/violations", {
      query: {
        handler: Schema.optionalKey(Name.handler),
        key: Schema.optionalKey(Name.key),
        /** `all`: also those that were acknowledged. */
        which: Schema.optionalKey(Schema.Literals(["open", "all"])),
        limit: Schema.optionalKey(wholeText(1, violationsListedMax))
      },
      success: ViolationsBody,
      error: StoreUnavailableProblem
    }).annotate(OpenApi.Summary, "Order violations, the newest first"),
    HttpApiEndpoint.post("acknowledge", "/violations/acknowledge", {
      payload: AcknowledgeBody,
      success: AcknowledgeAnswer,
      error: [NotFoundProblem, ReadOnlyProblem, StoreUnavailableProblem]
    }).annotate(
      OpenApi.Summary,
      "Say that the violations of a key were looked into: they stay on record and count no more; its parked events are left alone"
    )
  )
  .prefix("/ops")
