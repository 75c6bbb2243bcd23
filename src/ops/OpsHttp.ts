import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { runAudit } from "../pipeline/Audit.ts"
import type { AuditStore } from "../pipeline/AuditStore.ts"
import type { EventLog } from "../pipeline/EventLog.ts"

/** Where the audit of a running pipeline is found. */
export const auditPath = "/ops/audit"

/** What an operator may ask a running pipeline: whether it lives, and whether its books balance. */
export const layer = (stream: string): Layer.Layer<never, never, HttpRouter.HttpRouter | AuditStore | EventLog> =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const context = yield* Effect.context<AuditStore | EventLog>()
      yield* router.add("GET", "/health", Effect.orDie(HttpServerResponse.json({ status: "ok" })))
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
