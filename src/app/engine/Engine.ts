import { Context, type Effect, Schema } from "effect"

/** The engine ended by itself: a bug, or no memory left. Nothing is lost; start the pipeline again. */
export class EngineEnded extends Schema.TaggedError<EngineEnded>()("EngineEnded", { detail: Schema.String }) {
  override get message() {
    return `relay and workers ended unexpectedly (${this.detail}); nothing is lost, start the pipeline again`
  }
}

/** The engine could not start. `detail` says why and what to do. */
export class EngineNotStarted extends Schema.TaggedError<EngineNotStarted>()("EngineNotStarted", {
  detail: Schema.String
}) {
  override get message() {
    return this.detail
  }
}

/** Relay and workers of this process, wherever they run. Closing the scope drains them. */
export class Engine extends Context.Service<
  Engine,
  {
    readonly partitions: number
    readonly instanceId: string
    /** What is counted in a thread of their own, in Prometheus' text format; undefined: it does not answer. */
    readonly metrics: Effect.Effect<string | undefined>
    /** Fails when they end by themselves. */
    readonly ended: Effect.Effect<never, EngineEnded>
  }
>()("millrace/app/engine/Engine") {}
