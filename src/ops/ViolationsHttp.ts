import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { StoreUnavailable } from "../pipeline/PipelineError.ts"
import { type RecordedViolation, ViolationDesk } from "../pipeline/ViolationDesk.ts"
import { cliOfAcknowledge } from "./cliTwin.ts"
import { OpsApi } from "./OpsApi.ts"
import { NotFoundProblem, ReadOnlyProblem, StoreUnavailableProblem } from "./opsProblems.ts"
import { type AcknowledgeBody, type ViolationBody, violationsListedMax } from "./ViolationsApi.ts"

/** Violations that are shown when nobody says how many. */
const shownDefault = 100

/** Order violations over HTTP: list, acknowledge. */
export const violationsGroupLayer = (stream: string, command: string, readOnly: boolean) =>
  HttpApiBuilder.group(
    OpsApi,
    "violations",
    Effect.fn(function* (handlers) {
      const desk = yield* ViolationDesk
      return handlers.handleAll({
        list: ({ query: { limit = shownDefault, which = "open", ...name } }) =>
          Effect.all({
            open: desk.count(stream, { ...name, isOpen: true }),
            violations: Effect.map(desk.list(stream, { ...name, isOpen: which === "open" }, limit), (some) =>
              some.map(violationBody)
            )
          }).pipe(Effect.mapError(unavailable)),
        acknowledge: ({ payload }) =>
          readOnly && payload.dryRun !== true
            ? Effect.fail(new ReadOnlyProblem({}))
            : acknowledge(desk, stream, command, payload).pipe(
                Effect.catchTag("StoreUnavailable", (error) => Effect.fail(unavailable(error)))
              )
      })
    })
  )

const unavailable = (error: StoreUnavailable) => new StoreUnavailableProblem({ detail: error.message })

/** None that is open: a slip of the pen would look like an act. */
const acknowledge = Effect.fnUntraced(function* (
  desk: ViolationDesk["Service"],
  stream: string,
  command: string,
  body: AcknowledgeBody
) {
  const { actor, dryRun = false, handler, key, upToId, why } = body
  const open = yield* desk.list(stream, { handler, key, isOpen: true }, violationsListedMax)
  const meant = open.filter(({ id }) => upToId === undefined || id <= upToId)
  const newest = meant[0]
  if (newest === undefined)
    return yield* new NotFoundProblem({
      detail: `${handler} has no open violation of key ${JSON.stringify(key)}`
    })
  // What is recorded from here on was not looked at.
  const acknowledged = dryRun
    ? meant.length
    : yield* desk.acknowledge(stream, { handler, key, upToId: upToId ?? newest.id }, { actor, why })
  return { acknowledged, dryRun, parkedEvents: newest.parkedEvents, cli: cliOfAcknowledge(command, body) }
})

const violationBody = ({ acknowledged, ...same }: RecordedViolation): ViolationBody => ({
  ...same,
  acknowledged: acknowledged ?? null
})
