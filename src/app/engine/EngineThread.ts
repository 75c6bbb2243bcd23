import { Deferred, Duration, Effect, Layer, Schema } from "effect"
import { Worker } from "node:worker_threads"
import type { Instance } from "../../pipeline/Ownership.ts"
import { Engine, EngineEnded, EngineNotStarted } from "./Engine.ts"

/** What the thread is started with. */
export const ThreadData = Schema.Struct({
  /** Settings as texts, the addresses of the servers among them. */
  settings: Schema.Record(Schema.String, Schema.String),
  instance: Schema.Struct({
    id: Schema.String,
    host: Schema.String,
    version: Schema.String,
    roles: Schema.Array(Schema.String)
  })
})
export type ThreadData = typeof ThreadData.Type

/** What the thread says: that it is ready, or why it cannot start. */
export const ThreadMessage = Schema.Union([
  Schema.TaggedStruct("Ready", { partitions: Schema.Int }),
  Schema.TaggedStruct("NotStarted", { reason: Schema.String })
])
export type ThreadMessage = typeof ThreadMessage.Type

/** The one thing the thread is told: drain, and end. */
export const stopMessage = "stop"

/** What a drain may take beyond its limit, before the thread is ended the hard way. */
const graceAfterDrain = Duration.seconds(5)

/**
 * Relay and workers in a thread of their own, so that neither a burst of requests delays a lease, nor a batch of effects
 * an answer to a customer. They share nothing but the servers (ADR 0011).
 */
export const layer = (
  settings: ThreadData["settings"],
  instance: Instance,
  drainMax: Duration.Duration
): Layer.Layer<Engine, EngineNotStarted> =>
  Layer.effect(
    Engine,
    Effect.gen(function* () {
      const ready = yield* Deferred.make<number, EngineNotStarted>()
      const ended = yield* Deferred.make<never, EngineEnded>()
      yield* Effect.acquireRelease(
        Effect.sync(() => start({ settings, instance }, ready, ended)),
        (thread) => stop(thread, ended, Duration.sum(drainMax, graceAfterDrain))
      )
      const partitions = yield* Deferred.await(ready)
      return { partitions, instanceId: instance.id, ended: Deferred.await(ended) }
    })
  )

const decodeMessage = Schema.decodeUnknownEffect(ThreadMessage)

const start = (
  data: ThreadData,
  ready: Deferred.Deferred<number, EngineNotStarted>,
  ended: Deferred.Deferred<never, EngineEnded>
) => {
  const thread = new Worker(new URL("./thread.ts", import.meta.url), { workerData: data, name: "millrace engine" })
  const end = (detail: string) => {
    Deferred.doneUnsafe(ready, Effect.fail(new EngineNotStarted({ detail: `relay and workers ended: ${detail}` })))
    Deferred.doneUnsafe(ended, Effect.fail(new EngineEnded({ detail })))
  }
  thread.on("message", (message: unknown) => {
    Deferred.doneUnsafe(ready, Effect.flatMap(Effect.orDie(decodeMessage(message)), readiness))
  })
  thread.on("error", (error) => end(error instanceof Error ? error.message : String(error)))
  thread.on("exit", (code) => end(`exit code ${code}`))
  return thread
}

const readiness = (message: ThreadMessage) =>
  message._tag === "Ready"
    ? Effect.succeed(message.partitions)
    : Effect.fail(new EngineNotStarted({ detail: message.reason }))

const stop = Effect.fnUntraced(function* (
  thread: Worker,
  ended: Deferred.Deferred<never, EngineEnded>,
  patience: Duration.Duration
) {
  thread.postMessage(stopMessage)
  yield* Effect.exit(Deferred.await(ended)).pipe(Effect.timeoutOption(patience))
  yield* Effect.promise(() => thread.terminate())
})
