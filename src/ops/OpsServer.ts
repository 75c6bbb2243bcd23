import { type Duration, Layer } from "effect"
import { HttpApiBuilder, HttpApiMiddleware } from "effect/http-api"
import type { Check } from "../pipeline/Check.ts"
import type { EventSchemas, EventStream } from "../pipeline/EventStream.ts"
import { controlGroupLayer } from "./ControlHttp.ts"
import type { KnownHandler } from "./keyTrace.ts"
import { maskOf } from "./Mask.ts"
import { OpsApi } from "./OpsApi.ts"
import { overviewGroupLayer } from "./OverviewHttp.ts"
import * as OverviewSampler from "./OverviewSampler.ts"
import { parkedGroupLayer } from "./ParkedHttp.ts"
import { traceGroupLayer } from "./TraceHttp.ts"
import { violationsGroupLayer } from "./ViolationsHttp.ts"

/** What the operations of a pipeline are served with. */
export interface OpsOptions {
  readonly partitions: number
  /** The handlers there are, whoever runs them: which types each takes. */
  readonly handlers: ReadonlyArray<KnownHandler>
  /** Shown to people, to tell one pipeline from another. */
  readonly environment: string
  readonly version: string
  /** How the commands begin that are shown to people, beside an act and in remedies: `npx millrace`. */
  readonly command: string
  /** Nothing can be changed, only seen. */
  readonly readOnly: boolean
  /** What the doctor looks at besides the pipeline itself: its servers, say. */
  readonly checks: ReadonlyArray<Check>
  /** Beyond this age of what waits in the outbox, commands are refused. */
  readonly backlogAgeMax: Duration.Duration
  /** After which the broker gives a balanced handler's event to another instance. */
  readonly ackWait: Duration.Duration
  /** Live feeds end once it is true: a stop would wait for them. */
  readonly isStopping?: () => boolean
}

/** Operations on a pipeline, for any application's router. Who may ask is the caller's to say: see `opsGuard`. */
export const layer = <Events extends EventSchemas>(stream: EventStream<Events>, options: OpsOptions) => {
  const { command, handlers, isStopping = () => false, partitions, readOnly } = options
  const { name, subject } = stream
  const declaration = { name, subject, partitions }
  const mask = maskOf(stream)
  return HttpApiBuilder.layer(OpsApi).pipe(
    Layer.provide([
      parkedGroupLayer(stream, mask, readOnly),
      overviewGroupLayer(name, command, isStopping),
      traceGroupLayer({ declaration, mask, handlers }),
      controlGroupLayer(name, options),
      violationsGroupLayer(name, command, readOnly)
    ]),
    Layer.provideMerge(OverviewSampler.layer({ ...options, declaration })),
    Layer.provide(HttpApiMiddleware.layerProblemDetails({ includeDetails: true }))
  )
}
