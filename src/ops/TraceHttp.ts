import { Effect, Option } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { EventLog } from "../pipeline/EventLog.ts"
import type { BrokerRefused, BrokerUnavailable, StoreUnavailable } from "../pipeline/PipelineError.ts"
import type { ParkingDesk } from "../pipeline/ParkingDesk.ts"
import type { PipelineView } from "../pipeline/PipelineView.ts"
import { StreamView } from "../pipeline/StreamView.ts"
import { eventBody } from "./keyEvents.ts"
import { traceOf, type TraceOptions } from "./keyTrace.ts"
import { OpsApi } from "./OpsApi.ts"
import { NotFoundProblem, StoreUnavailableProblem } from "./opsProblems.ts"
import type { Overview } from "./Overview.ts"
import { tailOf } from "./tail.ts"
import { tailMax } from "./TraceApi.ts"

/** The newest events, one event, and all that is known of a key, over HTTP. */
export const traceGroupLayer = (options: TraceOptions) =>
  HttpApiBuilder.group(
    OpsApi,
    "trace",
    Effect.fn(function* (handlers) {
      const stream = yield* StreamView
      const services = yield* Effect.context<EventLog | Overview | ParkingDesk | PipelineView | StreamView>()
      const { declaration, mask } = options
      return handlers.handleAll({
        tail: ({ query: { limit = tailMax, ...filter } }) =>
          tailOf(options, filter, limit).pipe(Effect.mapError(unavailable), Effect.provideContext(services)),
        event: ({ params: { seq } }) =>
          stream.at(declaration, seq).pipe(
            Effect.mapError(unavailable),
            Effect.filterOrFail(
              (event) => event !== undefined,
              () => new NotFoundProblem({ detail: `the stream has no event at ${seq}, or no longer` })
            ),
            Effect.map((event) => eventBody(event, mask.hide(event.type, event.payload)))
          ),
        trace: ({ params: { name } }) =>
          traceOf(name, options).pipe(
            Effect.mapError(unavailable),
            Effect.flatMap(
              Option.match({
                onNone: () =>
                  Effect.fail(
                    new NotFoundProblem({
                      detail: `nothing is known of ${JSON.stringify(name)}: no event of such a key was ever appended here`
                    })
                  ),
                onSome: Effect.succeed
              })
            ),
            Effect.provideContext(services)
          )
      })
    })
  )

const unavailable = (error: BrokerRefused | BrokerUnavailable | StoreUnavailable) =>
  new StoreUnavailableProblem({ detail: error.message })
