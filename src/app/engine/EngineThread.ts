import { Deferred, Duration, Effect, Layer, Option, Schema } from "effect"
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

/** What the thread says: that it is ready, or why it cannot start; and what it has counted, when it is asked. */
export const ThreadMessage = Schema.Union([
  Schema.TaggedStruct("Ready", { partitions: Schema.Int }),
  Schema.TaggedStruct("NotStarted", { reason: Schema.String }),
  Schema.TaggedStruct("Metrics", { text: Schema.String })
])
export type ThreadMessage = typeof ThreadMessage.Type

/** What the thread is told: drain, and end. */
export const stopMessage = "stop"

/** What the thread is asked: its metrics. */
export const metricsMessage = "metrics"

/** How long its answer is waited for. */
const metricsMax = Duration.seconds(2)

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
      const thread = yield* Effect.acquireRelease(
        Effect.sync(() => start({ settings, instance }, ready, ended)),
        (open) => stop(open, ended, Duration.sum(drainMax, graceAfterDrain))
      )
      const partitions = yield* Deferred.await(ready)
      return { partitions, instanceId: instance.id, ended: Deferred.await(ended), metrics: metricsOf(thread) }
    })
  )

const decodeMessage = Schema.decodeUnknownOption(ThreadMessage)

/** Whoever asks at the same time gets the same answer. */
const metricsOf = (thread: Worker) =>
  Effect.callback<string>((resume) => {
    const listen = (message: unknown) => {
      const said = Option.getOrUndefined(decodeMessage(message))
      if (said?._tag !== "Metrics") return
      thread.off("message", listen)
      resume(Effect.succeed(said.text))
    }
    thread.on("message", listen)
    thread.postMessage(metricsMessage)
    return Effect.sync(() => thread.off("message", listen))
  }).pipe(Effect.timeoutOption(metricsMax), Effect.map(Option.getOrUndefined))

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
    Option.map(decodeMessage(message), (said) => Deferred.doneUnsafe(ready, readiness(said)))
  })
  thread.on("error", (error) => end(error instanceof Error ? error.message : String(error)))
  thread.on("exit", (code) => end(`exit code ${code}`))
  return thread
}

/** Nothing is asked of a thread that is not ready, so what it says first is how it started. */
const readiness = (message: ThreadMessage) => {
  if (message._tag === "Ready") return Effect.succeed(message.partitions)
  const detail = message._tag === "NotStarted" ? message.reason : "relay and workers did not say that they are ready"
  return Effect.fail(new EngineNotStarted({ detail }))
}

const stop = Effect.fnUntraced(function* (
  thread: Worker,
  ended: Deferred.Deferred<never, EngineEnded>,
  patience: Duration.Duration
) {
  thread.postMessage(stopMessage)
  yield* Effect.exit(Deferred.await(ended)).pipe(Effect.timeoutOption(patience))
  yield* Effect.promise(() => thread.terminate())
})
