import { Effect, Layer, Option } from "effect"
import * as MetricsHttp from "../../ops/MetricsHttp.ts"
import { opsGuard } from "../../ops/opsGuard.ts"
import * as OpsHttp from "../../ops/OpsHttp.ts"
import * as OpsServer from "../../ops/OpsServer.ts"
import type { Check } from "../../pipeline/Check.ts"
import { retryPolicyDefault } from "../../pipeline/RetryPolicy.ts"
import type { AppConfigValues } from "../AppConfig.ts"
import { orderHandlers } from "../effects/handlers.ts"
import { Engine } from "../engine/Engine.ts"
import { Orders } from "../orders/Orders.ts"
import { appVersion } from "../version.ts"
import { orderNames } from "./orderNames.ts"

/** Health for anybody, and operations for those who may. */
export const operations = (config: AppConfigValues, checks: ReadonlyArray<Check>) => {
  const { environment, opsReadOnly, opsToken, partitions } = config
  const surface = OpsServer.layer(Orders, {
    partitions,
    handlers: orderHandlers(retryPolicyDefault),
    environment,
    version: appVersion,
    readOnly: opsReadOnly,
    checks
  })
  const guarded = Layer.mergeAll(OpsHttp.layer(Orders.name), metrics(config).pipe(Layer.provideMerge(surface))).pipe(
    Layer.provide(opsGuard(opsToken)),
    Layer.provide(orderNames)
  )
  return Layer.mergeAll(OpsHttp.layerHealth, guarded)
}

/** For Prometheus; and, where metrics are sent out, brought up to date for that. */
const metrics = ({ otlpUrl }: AppConfigValues) => {
  const scraped = Layer.unwrap(Effect.map(Engine, (engine) => MetricsHttp.layer(engine.metrics)))
  return Option.isSome(otlpUrl) ? Layer.merge(scraped, MetricsHttp.layerSampled) : scraped
}
