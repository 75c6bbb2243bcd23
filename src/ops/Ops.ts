import { Layer, Option, type Redacted } from "effect"
import { HttpRouter } from "effect/http"
import type { EventSchemas, EventStream } from "../pipeline/EventStream.ts"
import { partitionsDefault } from "../pipeline/Pipeline.ts"
import { opsGuard } from "./opsGuard.ts"
import * as OpsHttp from "./OpsHttp.ts"
import * as OpsServer from "./OpsServer.ts"

/** How an application mounts the operations of one of its pipelines. Everything may be left out. */
export interface MountOptions extends Partial<OpsServer.OpsOptions> {
  /** Who may operate: whoever sends it as `Authorization: Bearer …`. Without one, only programs on this machine. */
  readonly token?: Redacted.Redacted
  /** Where it is mounted: `/accounts` makes `/accounts/ops/overview`. Several pipelines in one router need one each. */
  readonly prefix?: string
}

/**
 * The operations of a pipeline as routes of the application's own router: overview, live feed, parked keys, traces, controls and
 * the audit, for those who may. Needs the pipeline's ports, which `MemoryPipeline`, `PgPipeline` and `NatsPipeline` have.
 */
export const layer = <Events extends EventSchemas>(stream: EventStream<Events>, options: MountOptions = {}) => {
  const { token, prefix, ...given } = options
  const surface = OpsServer.layer(stream, {
    partitions: partitionsDefault,
    handlers: [],
    environment: "",
    version: "",
    readOnly: false,
    checks: [],
    ...given
  })
  return Layer.merge(OpsHttp.layer(stream.name), surface).pipe(
    Layer.provide(opsGuard(Option.fromUndefinedOr(token))),
    below(prefix)
  )
}

const below =
  (prefix: string | undefined) =>
  <A, E, R>(routes: Layer.Layer<A, E, R>): Layer.Layer<A, E, R | HttpRouter.HttpRouter> =>
    prefix === undefined
      ? routes
      : Layer.provide(
          routes,
          Layer.effect(
            HttpRouter.HttpRouter,
            HttpRouter.HttpRouter.useSync((router) => router.prefixed(prefix))
          )
        )
