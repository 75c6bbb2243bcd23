import { Duration, Effect, Layer, Schedule } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { mergeExpositions } from "./exposition.ts"
import { seen } from "./metricTable.ts"
import { Overview } from "./Overview.ts"
import { noteOverview, setGauge } from "./overviewGauges.ts"

/** Where Prometheus finds the metrics. */
export const metricsPath = "/metrics"

/** How Prometheus' text is announced. */
const contentType = "text/plain; version=0.0.4; charset=utf-8"

/**
 * The metrics of this process, and of the whole pipeline as it is seen. `elsewhere` has what another thread of the process
 * counts; undefined: it does not answer.
 */
export const layer = (
  elsewhere: Effect.Effect<string | undefined>
): Layer.Layer<never, never, HttpRouter.HttpRouter | Overview> =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const context = yield* Effect.context<Overview>()
      const answer = exposition(elsewhere).pipe(
        Effect.map((text) => HttpServerResponse.text(text, { contentType })),
        Effect.provideContext(context)
      )
      yield* router.add("GET", metricsPath, answer)
    })
  )

/** How often the overview's gauges are brought up to date when nobody scrapes them. */
const sampleEvery = Duration.seconds(10)

/** Keeps the overview's gauges up to date, for whoever sends the registry out. */
export const layerSampled: Layer.Layer<never, never, Overview> = Layer.effectDiscard(
  Effect.flatMap(Overview, ({ current }) =>
    Effect.flatMap(current, noteOverview).pipe(Effect.repeat(Schedule.spaced(sampleEvery)), Effect.forkScoped)
  )
)

const exposition = Effect.fnUntraced(function* (elsewhere: Effect.Effect<string | undefined>) {
  const overview = yield* Overview
  const registry = yield* Effect.context<never>()
  const [others] = yield* Effect.all([elsewhere, Effect.flatMap(overview.current, noteOverview)], { concurrency: 2 })
  setGauge(registry, { line: seen.engineAnswers, labels: {}, value: others === undefined ? 0 : 1 })
  return mergeExpositions([yield* PrometheusMetrics.format(), others ?? ""])
})
