import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { runAudit } from "../pipeline/Audit.ts"
import type { AuditStore } from "../pipeline/AuditStore.ts"
import type { EventLog } from "../pipeline/EventLog.ts"
import { PipelineView } from "../pipeline/PipelineView.ts"
import { StreamView } from "../pipeline/StreamView.ts"

/** Where the audit of a running pipeline is found. */
export const auditPath = "/ops/audit"

/** How long one of the servers may take to answer before the process counts as not ready. */
const answerMax = "2 seconds"

/** What has to be so for a process to be sent requests. */
export interface HealthOptions {
  readonly stream: string
  /** Set once a stop has begun. */
  readonly draining: { readonly now: boolean }
}

/**
 * Whether it lives, and whether it can be used: for anybody, so without a word of why beyond which server it is. `/health/live`
 * asks nobody; `/health/ready` asks Postgres and NATS, once a second however often it is called.
 */
export const layerHealth = (
  options: HealthOptions
): Layer.Layer<never, never, HttpRouter.HttpRouter | PipelineView | StreamView> =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const { reasons } = yield* readinessOf(options)
      yield* router.add("GET", "/health", said(200, { status: "ok" }))
      yield* router.add("GET", "/health/live", said(200, { status: "live" }))
      yield* router.add(
        "GET",
        "/health/ready",
        Effect.flatMap(reasons, (found) =>
          found.length === 0 ? said(200, { status: "ready" }) : said(503, { status: "not ready", reasons: found })
        )
      )
    })
  )

const said = (status: number, body: unknown) => Effect.orDie(HttpServerResponse.json(body, { status }))

/** Why nobody should send requests here now; none: all is well. */
const readinessOf = Effect.fnUntraced(function* ({ draining, stream }: HealthOptions) {
  const view = yield* PipelineView
  const log = yield* StreamView
  const unless = <A, E>(reason: string, look: Effect.Effect<A, E>) =>
    look.pipe(
      Effect.timeout(answerMax),
      Effect.match({ onSuccess: () => [], onFailure: () => [reason] }),
      Effect.catchDefect(() => Effect.succeed([reason]))
    )
  const servers = Effect.all(
    [
      unless("Postgres does not answer, or not with the tables of this version", view.facts(stream, 1)),
      unless("NATS does not answer, or has no such stream", log.stats(stream))
    ],
    { concurrency: 2 }
  )
  const cached = yield* Effect.cachedWithTTL(servers, "1 second")
  return { reasons: Effect.map(cached, (found) => [...(draining.now ? ["it is stopping"] : []), ...found.flat()]) }
})

/** Whether the books of a running pipeline balance: for operators. */
export const layer = (stream: string): Layer.Layer<never, never, HttpRouter.HttpRouter | AuditStore | EventLog> =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const context = yield* Effect.context<AuditStore | EventLog>()
      yield* router.add(
        "GET",
        auditPath,
        runAudit(stream).pipe(
          Effect.provideContext(context),
          Effect.matchEffect({
            onSuccess: (report) => HttpServerResponse.json(report),
            onFailure: (error) => HttpServerResponse.json({ title: error.message }, { status: 503 })
          }),
          Effect.orDie
        )
      )
    })
  )
