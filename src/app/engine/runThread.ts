import "effect/schema/SchemaJITCompiler/enable"
import { NodeServices } from "@effect/platform-node"
import { Cause, Context, Effect, Exit, Layer, References, Schema } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { parentPort, workerData } from "node:worker_threads"
import { readConfig } from "../AppConfig.ts"
import { engineLayer } from "../AppLayer.ts"
import { logger } from "../cli/logger.ts"
import { reasonOf } from "../cli/reasonOf.ts"
import { Engine } from "./Engine.ts"
import { metricsMessage, stopMessage, ThreadData, type ThreadMessage } from "./EngineThread.ts"

const tell = (message: ThreadMessage) => Effect.sync(() => parentPort?.postMessage(message))

const answerMetrics = Effect.sync(() =>
  parentPort?.on("message", (message: unknown) => {
    if (message !== metricsMessage) return
    const text = PrometheusMetrics.formatUnsafe(Context.empty())
    parentPort?.postMessage({ _tag: "Metrics", text } satisfies ThreadMessage)
  })
)

/** Until the main thread says so; then the scope closes, which drains. */
const stopped = Effect.callback<void>((resume) => {
  parentPort?.on("message", (message: unknown) => {
    if (message === stopMessage) resume(Effect.void)
  })
})

const run = Effect.gen(function* () {
  const { instance, settings } = yield* Schema.decodeUnknownEffect(ThreadData)(workerData)
  const config = yield* readConfig(settings, {})
  const services = yield* Layer.build(engineLayer(config, instance))
  const { partitions } = yield* Engine.pipe(Effect.provideContext(services))
  yield* tell({ _tag: "Ready", partitions })
  yield* answerMetrics
  return yield* Effect.never
})

const exit = await Effect.runPromiseExit(
  Effect.raceFirst(run, stopped).pipe(
    Effect.scoped,
    Effect.provideService(References.TracerEnabled, false),
    Effect.provide(Layer.mergeAll(NodeServices.layer, logger))
  )
)
if (Exit.isFailure(exit)) {
  parentPort?.postMessage({ _tag: "NotStarted", reason: reasonOf(Cause.squash(exit.cause)) } satisfies ThreadMessage)
}
// Nothing that is still open may keep the thread: everything of value is committed, or will come again.
process.exit(Exit.isSuccess(exit) ? 0 : 1)
