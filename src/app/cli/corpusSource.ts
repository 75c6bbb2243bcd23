import { Effect, Layer, Option } from "effect"
import type { EventSource } from "../../ops/corpusSample.ts"
import { streamSource } from "../../ops/streamSource.ts"
import type { AppConfigValues } from "../AppConfig.ts"
import { pipelineInfra } from "../AppLayer.ts"
import { Orders } from "../orders/Orders.ts"
import { CommandFailed, exitCode } from "./exitCodes.ts"
import type { OpsOptions } from "./opsFlags.ts"
import { pipelineSource } from "./pipelineSource.ts"
import { say } from "./Output.ts"
import { reasonOf } from "./reasonOf.ts"

const failed = (error: unknown) =>
  new CommandFailed({ message: `no events can be read: ${reasonOf(error)}`, code: exitCode.failure })

/** The broker itself when its address is known; else a running pipeline, whose embedded servers nobody else may use. */
export const corpusSource = (config: AppConfigValues, options: OpsOptions) =>
  Option.isSome(config.natsUrl) && Option.isSome(config.databaseUrl)
    ? brokerSource(config)
    : Effect.succeed(pipelineSource(options))

const brokerSource = Effect.fnUntraced(function* (config: AppConfigValues) {
  const services = yield* Layer.build(pipelineInfra(config, say)).pipe(Effect.mapError(failed))
  const { bounds, read, ...limits } = yield* Effect.provideContext(streamSource(Orders, config.partitions), services)
  const source: EventSource<CommandFailed> = {
    ...limits,
    bounds: Effect.mapError(bounds, failed),
    read: (fromSeq, eventsMax) => Effect.mapError(read(fromSeq, eventsMax), failed)
  }
  return source
})
