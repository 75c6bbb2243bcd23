import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { runAudit } from "../pipeline/Audit.ts"
import type { AuditStore } from "../pipeline/AuditStore.ts"
import type { EventLog } from "../pipeline/EventLog.ts"

/** Where the audit of a running pipeline is found. */
export const auditPath = "/ops/audit"

/** Whether it lives: for anybody. */
export const layerHealth: Layer.Layer<never, never, HttpRouter.HttpRouter> = HttpRouter.use((router) =>
  router.add("GET", "/health", Effect.orDie(HttpServerResponse.json({ status: "ok" })))
)

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
