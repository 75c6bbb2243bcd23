import { Duration, Layer } from "effect"
import * as ConsoleHttp from "../../ops/ConsoleHttp.ts"
import { opsGuard } from "../../ops/opsGuard.ts"
import * as OpsHttp from "../../ops/OpsHttp.ts"
import * as OpsServer from "../../ops/OpsServer.ts"
import type { Check } from "../../pipeline/Check.ts"
import { retryPolicyDefault } from "../../pipeline/RetryPolicy.ts"
import type { AppConfigValues } from "../AppConfig.ts"
import { orderHandlers } from "../effects/handlers.ts"
import { Orders } from "../orders/Orders.ts"
import { appVersion } from "../version.ts"
import { orderNames } from "./orderNames.ts"

interface OperationsOptions {
  readonly config: AppConfigValues
  readonly checks: ReadonlyArray<Check>
  readonly draining: { readonly now: boolean }
}

/** Health and the console for anybody, and operations for those who may. */
export const operations = ({ checks, config, draining }: OperationsOptions) => {
  const { environment, opsReadOnly, opsToken, partitions } = config
  const guarded = Layer.mergeAll(
    OpsHttp.layer(Orders.name),
    Layer.provideMerge(
      ConsoleHttp.layerStatus,
      OpsServer.layer(Orders, {
        partitions,
        handlers: orderHandlers(retryPolicyDefault),
        environment,
        version: appVersion,
        readOnly: opsReadOnly,
        checks,
        backlogAgeMax: Duration.seconds(config.backlogAgeMaxSeconds),
        ackWait: Duration.seconds(config.ackWaitSeconds)
      })
    )
  ).pipe(Layer.provide(opsGuard(opsToken)), Layer.provide(orderNames))
  return Layer.mergeAll(OpsHttp.layerHealth({ stream: Orders.name, draining }), ConsoleHttp.layer, guarded)
}
