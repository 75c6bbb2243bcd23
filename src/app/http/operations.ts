import { Duration, Effect, Layer, Option } from "effect"
import * as ConsoleHttp from "../../ops/ConsoleHttp.ts"
import * as MetricsHttp from "../../ops/MetricsHttp.ts"
import { opsGuard } from "../../ops/opsGuard.ts"
import * as OpsHttp from "../../ops/OpsHttp.ts"
import * as OpsServer from "../../ops/OpsServer.ts"
import { retryPolicyDefault } from "../../pipeline/RetryPolicy.ts"
import type { AppConfigValues } from "../AppConfig.ts"
import { orderHandlers } from "../effects/handlers.ts"
import { Engine } from "../engine/Engine.ts"
import { Orders } from "../orders/Orders.ts"
import { appVersion } from "../version.ts"
import { orderNames } from "./orderNames.ts"
import type { ServerOptions } from "./server.ts"

/** Health and the console for anybody, and operations for those who may. */
export const operations = ({ checks, config, draining }: ServerOptions) => {
  const { environment, opsReadOnly, opsToken, partitions } = config
  const surface = OpsServer.layer(Orders, {
    partitions,
    handlers: orderHandlers(retryPolicyDefault),
    environment,
    version: appVersion,
    readOnly: opsReadOnly,
    checks,
    backlogAgeMax: Duration.seconds(config.backlogAgeMaxSeconds),
    ackWait: Duration.seconds(config.ackWaitSeconds),
    isStopping: () => draining.now
  })
  const guarded = Layer.mergeAll(
    OpsHttp.layer(Orders.name),
    Layer.mergeAll(ConsoleHttp.layerStatus, metrics(config)).pipe(Layer.provideMerge(surface))
  ).pipe(Layer.provide(opsGuard(opsToken)), Layer.provide(orderNames))
  return Layer.mergeAll(OpsHttp.layerHealth({ stream: Orders.name, draining }), ConsoleHttp.layer, guarded)
}

/** For Prometheus; and, where metrics are sent out, brought up to date for that. */
const metrics = ({ otlpUrl }: AppConfigValues) => {
  const scraped = Layer.unwrap(Effect.map(Engine, (engine) => MetricsHttp.layer(engine.metrics)))
  return Option.isSome(otlpUrl) ? Layer.merge(scraped, MetricsHttp.layerSampled) : scraped
}
