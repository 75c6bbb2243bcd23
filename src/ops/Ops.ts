import { Duration, Effect, Layer, Option, type Redacted } from "effect"
import { HttpRouter } from "effect/http"
import { consumerOptionsDefault } from "../pipeline/ConsumerOptions.ts"
import type { EventSchemas, EventStream } from "../pipeline/EventStream.ts"
import { partitionsDefault } from "../pipeline/Pipeline.ts"
import { commandDefault } from "./cliTwin.ts"
import * as ConsoleHttp from "./ConsoleHttp.ts"
import * as MetricsHttp from "./MetricsHttp.ts"
import { opsGuard } from "./opsGuard.ts"
import * as OpsHttp from "./OpsHttp.ts"
import * as OpsServer from "./OpsServer.ts"

/** How an application mounts the operations of one of its pipelines. Everything may be left out. */
export interface MountOptions extends Partial<OpsServer.OpsOptions> {
  /** Who may operate: whoever sends it as `Authorization: Bearer …`. Without one, only programs on this machine. */
  readonly token?: Redacted.Redacted
  /** Where it is mounted: `/accounts` makes `/accounts/ops/overview` and `/accounts/console`. Several pipelines need one each. */
  readonly prefix?: string
  /** What another thread of this process counts, in Prometheus' text format; undefined: it does not answer. */
  readonly metricsElsewhere?: Effect.Effect<string | undefined>
  /** The metrics are not only scraped: what is seen of the pipeline is kept up to date for whatever sends them out. */
  readonly metricsSentOut?: boolean
}

const defaults: OpsServer.OpsOptions = {
  partitions: partitionsDefault,
  handlers: [],
  environment: "",
  version: "",
  command: commandDefault,
  readOnly: false,
  checks: [],
  backlogAgeMax: Duration.hours(1),
  ackWait: consumerOptionsDefault.ackWait
}

// All that is counted is counted here.
const noThread = Effect.succeed("")

/**
 * The operations of a pipeline as routes of the application's own router: the console (files without data, for anybody), and for those
 * who may: overview, live feed, parked keys, traces, controls, metrics and the audit. Needs the ports of `MemoryPipeline`, or of
 * `PgPipeline` and `NatsPipeline`; say the pipeline's `handlers`, and its `partitions` if they are not the default.
 *
 * ```ts
 * import { Layer, Redacted } from "effect"
 * import { HttpRouter } from "effect/http"
 * import * as Ops from "millrace/ops"
 * import { Accounts, handlers } from "./accounts.ts"
 *
 * const routes = Layer.mergeAll(Ops.layer(Accounts, { handlers, prefix: "/accounts", token: Redacted.make("secret") }))
 * const app = HttpRouter.serve(routes)
 * ```
 */
export const layer = <Events extends EventSchemas>(
  stream: EventStream<Events>,
  { token, prefix, metricsElsewhere = noThread, metricsSentOut = false, ...options }: MountOptions = {}
) => {
  const surface = OpsServer.layer(stream, { ...defaults, ...options })
  const seeing = Layer.mergeAll(
    Layer.fresh(ConsoleHttp.layerStatus),
    MetricsHttp.layer(metricsElsewhere),
    metricsSentOut ? Layer.fresh(MetricsHttp.layerSampled) : Layer.empty
  )
  const guarded = Layer.merge(OpsHttp.layer(stream.name), Layer.provideMerge(seeing, surface)).pipe(
    Layer.provide(opsGuard(Option.fromUndefinedOr(token)))
  )
  return Layer.merge(guarded, Layer.fresh(ConsoleHttp.layer)).pipe(below(prefix))
}

const below =
  (prefix: string | undefined) =>
  <A, E, R>(routes: Layer.Layer<A, E, R>): Layer.Layer<A, E, R | HttpRouter.HttpRouter> =>
    prefix === undefined ? routes : Layer.provide(routes, prefixed(prefix))

const prefixed = (prefix: string) =>
  Layer.effect(
    HttpRouter.HttpRouter,
    HttpRouter.HttpRouter.useSync((router) => router.prefixed(prefix))
  )
