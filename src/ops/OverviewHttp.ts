import { Effect, Option, Stream } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { ControlDesk, type Operation } from "../pipeline/ControlDesk.ts"
import { PipelineView } from "../pipeline/PipelineView.ts"
import { cliOfOperation } from "./cliTwin.ts"
import { reportIn } from "./InstanceReport.ts"
import { OpsApi } from "./OpsApi.ts"
import { NotFoundProblem, StoreUnavailableProblem } from "./opsProblems.ts"
import { Overview } from "./Overview.ts"
import { type ActivityBody, activityMax, feedHeartbeatSeconds } from "./OverviewApi.ts"

/** The pipeline at a glance, over HTTP: now, as it changes, as it was, and what was done. */
export const overviewGroupLayer = (stream: string, command: string, isStopping: () => boolean) =>
  HttpApiBuilder.group(
    OpsApi,
    "overview",
    Effect.fn(function* (handlers) {
      const overview = yield* Overview
      const desk = yield* ControlDesk
      const view = yield* PipelineView
      return handlers.handleAll({
        overview: () => overview.current,
        live: () => Effect.succeed(Stream.takeWhile(live(overview), () => !isStopping())),
        history: ({ query: { minutes } }) => overview.history(minutes),
        partition: ({ params: { handler, partition } }) =>
          Effect.filterOrFail(
            overview.partition(handler, partition),
            (found) => found !== undefined,
            () => new NotFoundProblem({ detail: `no handler ${JSON.stringify(handler)} has a partition ${partition}` })
          ),
        activity: ({ query: { limit = activityMax } }) =>
          Effect.all({ done: desk.operations(stream, limit), facts: view.facts(stream, 1) }, { concurrency: 2 }).pipe(
            Effect.mapError((error) => new StoreUnavailableProblem({ detail: error.message })),
            Effect.map(({ done, facts }) =>
              [...done.map((one) => operationBody(command, one)), ...signalBodies(facts.instances)]
                .sort((a, b) => b.atMs - a.atMs)
                .slice(0, limit)
            )
          )
      })
    })
  )

/** When nothing is new for long, the present frame is sent again: a reader tells a quiet pipeline from a dead line. */
const live = ({ current, frames }: Overview["Service"]) =>
  Stream.merge(
    frames,
    Stream.drop(Stream.tick(`${feedHeartbeatSeconds} seconds`), 1).pipe(Stream.mapEffect(() => current))
  )

const operationBody = (command: string, operation: Operation): ActivityBody => {
  const { act, actor, atMs, detail, handler, key, why } = operation
  const words = [act, ...placeOf(operation), detail, why === "" ? "" : `(${why})`]
  return {
    atMs,
    source: "operator",
    who: actor,
    what: act,
    level: "info",
    text: words.filter((word) => word !== "").join(" "),
    handler: handler ?? null,
    key: key ?? null,
    cli: cliOfOperation(command, operation)
  }
}

const placeOf = ({ handler, instance, key, partition }: Operation): ReadonlyArray<string> => {
  if (instance !== undefined) return [instance]
  if (handler === undefined) return ["all handlers"]
  return [handler, ...(partition === undefined ? [] : [`partition ${partition}`]), ...(key === undefined ? [] : [key])]
}

const signalBodies = (
  instances: ReadonlyArray<{ readonly id: string; readonly report: string | undefined }>
): ReadonlyArray<ActivityBody> =>
  instances.flatMap(({ id, report }) =>
    Option.toArray(Option.flatMap(Option.fromNullishOr(report), reportIn)).flatMap(({ signals }) =>
      signals.map(({ tag, ...said }): ActivityBody => ({ ...said, source: "pipeline", who: id, what: tag, cli: null }))
    )
  )
