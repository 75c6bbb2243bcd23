import { NodeHttpClient } from "@effect/platform-node"
import { Duration, Effect, Layer, Option, Redacted, References, Tracer } from "effect"
import { HttpMiddleware } from "effect/http"
import { Otlp } from "effect/observability"
import type { Instance } from "../../pipeline/Ownership.ts"
import type { AppConfigValues } from "../AppConfig.ts"
import { headersIn } from "../settingSchemas.ts"

/** The threads of a process: each counts, traces and logs by itself. */
export type ThreadName = "main" | "engine"

/** How long a stop waits for a collector to take what is left, for each of traces, metrics and logs. */
const lastWordMax = Duration.seconds(1)

type TelemetryConfig = Pick<AppConfigValues, "environment" | "otlpHeaders" | "otlpUrl" | "serviceName">

/**
 * Traces, metrics and logs to a collector, if one is named; what is still here when the scope closes goes out first.
 * Otherwise nobody traces, and spans are not even made.
 */
export const telemetry = (config: TelemetryConfig, instance: Instance, thread: ThreadName): Layer.Layer<never> =>
  Option.match(config.otlpUrl, {
    onNone: () => Layer.succeed(References.TracerEnabled, false),
    onSome: (url) => exporting(config, Redacted.value(url), instance, thread)
  })

const exporting = (config: TelemetryConfig, baseUrl: string, instance: Instance, thread: ThreadName) => {
  const headers = Option.match(config.otlpHeaders, {
    onNone: () => ({}),
    onSome: (list) => headersIn(Redacted.value(list))
  })
  const otlp = Otlp.layerJson({
    baseUrl,
    headers,
    resource: {
      serviceName: config.serviceName,
      serviceVersion: instance.version,
      attributes: {
        "service.instance.id": instance.id,
        "deployment.environment.name": config.environment,
        "host.name": instance.host,
        "thread.name": thread
      }
    },
    loggerMergeWithExisting: true,
    shutdownTimeout: lastWordMax
  })
  return Layer.effect(Tracer.Tracer, Effect.map(Tracer.Tracer, withoutLonelyStatements)).pipe(
    Layer.provideMerge(otlp),
    Layer.provide(NodeHttpClient.layerUndici),
    Layer.merge(Layer.succeed(References.TracerEnabled, true)),
    Layer.merge(requestSpans)
  )
}

/** Named by what is asked for, of which there is little; what programs ask for over and over is left out. */
const requestSpans = Layer.mergeAll(
  Layer.succeed(HttpMiddleware.SpanNameGenerator, ({ method, url }) => {
    const [part = ""] = /^\/[a-z-]{1,16}(?=[/?]|$)/.exec(url) ?? []
    return `${method} ${part}`.trimEnd()
  }),
  Layer.succeed(HttpMiddleware.TracerDisabledWhen, ({ url }) =>
    /^\/(metrics|health|ready|console|ops\/live)\b/.test(url)
  )
)

/** Relay, workers and leases look into the store all the time: a statement that belongs to nothing is not worth a trace. */
const withoutLonelyStatements = (tracer: Tracer.Tracer): Tracer.Tracer => {
  const isLonely = ({ kind, name, parent }: Parameters<Tracer.Tracer["span"]>[0]) =>
    Option.isNone(parent) && (kind === "client" || name === "sql.transaction")
  return Tracer.make({
    ...tracer,
    span: (options) => tracer.span(isLonely(options) ? { ...options, sampled: false } : options)
  })
}
