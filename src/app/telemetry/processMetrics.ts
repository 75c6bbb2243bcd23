import { Effect, Layer, Metric } from "effect"
import { type MetricLine, taken } from "../../ops/metricTable.ts"

const described = ({ help }: MetricLine) => ({ description: help })

const nothing = () => undefined

const cpuSeconds = () => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1_000_000
}

/** What this process takes of its machine, looked up whenever somebody asks. Once per process, whatever its threads. */
export const processMetrics: Layer.Layer<never> = Layer.effectDiscard(
  Effect.gen(function* () {
    const registry = yield* Effect.context<never>()
    const startedAt = performance.timeOrigin / 1_000
    const gauge = (line: MetricLine, read: () => number) =>
      Metric.registerUnsafe(Metric.gauge(line.name, described(line)), registry, {
        get: () => ({ value: read() }),
        update: nothing,
        modify: nothing
      })
    gauge(taken.memory, () => process.memoryUsage.rss())
    gauge(taken.started, () => startedAt)
    Metric.registerUnsafe(Metric.counter(taken.cpu.name, { ...described(taken.cpu), incremental: true }), registry, {
      get: () => ({ count: cpuSeconds(), incremental: true }),
      update: nothing,
      modify: nothing
    })
  })
)
