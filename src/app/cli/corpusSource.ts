import { Effect, Layer, Option } from "effect"
import type { EventSource } from "../../ops/corpusSample.ts"
import { StreamView } from "../../pipeline/StreamView.ts"
import type { AppConfigValues } from "../AppConfig.ts"
import { pipelineInfra } from "../AppLayer.ts"
import { Orders } from "../orders/Orders.ts"
import { CommandFailed, exitCode } from "./exitCodes.ts"
import { asking, type OpsOptions } from "./opsFlags.ts"
import { say } from "./Output.ts"
import { reasonOf } from "./reasonOf.ts"

/** How much is read at each end: a broker gives thousands at a time, a pipeline is asked event by event. */
const ofBroker = { searchedMax: 20_000, readAtOnceMax: 1_000 }
const ofPipeline = { searchedMax: 1_000, readAtOnceMax: 100 }

const askedAtOnceMax = 8

const failed = (error: unknown) =>
  new CommandFailed({ message: `no events can be read: ${reasonOf(error)}`, code: exitCode.failure })

/** The broker itself when its address is known; else a running pipeline, whose embedded servers nobody else may use. */
export const corpusSource = (config: AppConfigValues, options: OpsOptions) =>
  Option.isSome(config.natsUrl) && Option.isSome(config.databaseUrl)
    ? brokerSource(config)
    : Effect.succeed(pipelineSource(options))

const brokerSource = Effect.fnUntraced(function* (config: AppConfigValues) {
  const services = yield* Layer.build(pipelineInfra(config, say)).pipe(Effect.mapError(failed))
  const { read, stats } = yield* Effect.provideContext(StreamView, services)
  const { name, subject } = Orders
  const declaration = { name, subject, partitions: config.partitions }
  const source: EventSource<CommandFailed> = {
    ...ofBroker,
    bounds: Effect.mapError(stats(name), failed),
    read: (fromSeq, eventsMax) => Effect.mapError(read(declaration, { fromSeq, eventsMax, payloads: true }), failed)
  }
  return source
})

const pipelineSource = (options: OpsOptions): EventSource<CommandFailed> => ({
  ...ofPipeline,
  bounds: asking(options, (ops) => ops.overview.overview()).pipe(Effect.map(({ broker }) => broker)),
  read: (fromSeq, eventsMax) =>
    asking(options, (ops) =>
      Effect.forEach(
        Array.from({ length: eventsMax }, (_, i) => fromSeq + i),
        (seq) =>
          ops.trace.event({ params: { seq } }).pipe(
            Effect.map((event) => [event]),
            Effect.catchTag("NotFoundProblem", () => Effect.succeed([]))
          ),
        { concurrency: askedAtOnceMax }
      )
    ).pipe(Effect.map((events) => events.flat()))
})
