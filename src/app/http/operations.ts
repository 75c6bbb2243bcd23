import { Duration, Effect, Layer, Option } from "effect"
import * as Ops from "../../ops/Ops.ts"
import * as OpsHttp from "../../ops/OpsHttp.ts"
import { retryPolicyDefault } from "../../pipeline/RetryPolicy.ts"
import { ownCommand } from "../cli/CommandName.ts"
import { orderHandlers } from "../effects/handlers.ts"
import { Engine } from "../engine/Engine.ts"
import { Orders } from "../orders/Orders.ts"
import { appVersion } from "../version.ts"
import { orderNames } from "./orderNames.ts"
import type { ServerOptions } from "./server.ts"

/** Health and the console for anybody, and operations for those who may: mounted as any application mounts them. */
export const operations = ({ checks, config, draining }: ServerOptions) => {
  const mounted = Effect.map(Engine, ({ metrics }) =>
    Ops.layer(Orders, {
      ...Option.match(config.opsToken, { onNone: () => ({}), onSome: (token) => ({ token }) }),
      partitions: config.partitions,
      handlers: orderHandlers(retryPolicyDefault),
      environment: config.environment,
      version: appVersion,
      command: ownCommand,
      readOnly: config.opsReadOnly,
      checks,
      backlogAgeMax: Duration.seconds(config.backlogAgeMaxSeconds),
      ackWait: Duration.seconds(config.ackWaitSeconds),
      isStopping: () => draining.now,
      metricsElsewhere: metrics,
      metricsSentOut: Option.isSome(config.otlpUrl)
    })
  )
  return Layer.merge(
    OpsHttp.layerHealth({ stream: Orders.name, draining }),
    Layer.unwrap(mounted).pipe(Layer.provide(orderNames))
  )
}
