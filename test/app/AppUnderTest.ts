/** The pipelines that the tests of one file share. */
import { Context, Effect, Layer } from "effect"
import { type RunningPipeline, startMemoryPipeline, startPipeline } from "../support/servers/AppProcess.ts"
import { type Shop, shopAt } from "../support/servers/Shop.ts"
import { TestServers } from "../support/servers/TestServers.ts"

/** A shop and the process that serves it. */
export interface OpenShop extends Shop {
  readonly pipeline: RunningPipeline
}

const openShop = (pipeline: RunningPipeline): OpenShop => ({ ...shopAt(pipeline.url), pipeline })

/** The shop of a pipeline under test. */
export class AppUnderTest extends Context.Service<AppUnderTest, OpenShop>()("millrace/test/app/AppUnderTest") {
  /** In memory. */
  static readonly memory = Layer.effect(AppUnderTest, Effect.map(startMemoryPipeline, openShop))
  /** On a real Postgres and nats-server. */
  static readonly servers = Layer.effect(
    AppUnderTest,
    Effect.gen(function* () {
      const { environment } = yield* TestServers
      return openShop(yield* startPipeline(environment))
    })
  ).pipe(Layer.provide(TestServers.layer))
}
