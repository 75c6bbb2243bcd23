import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { sessionParameters } from "./PgControl.ts"
import { asStoreUnavailable } from "./sqlFailure.ts"

/** The sessions we are given may idle in a transaction for longer than a lease lasts. */
export class SessionsUnbounded extends Schema.TaggedError<SessionsUnbounded>()("SessionsUnbounded", {
  limitMs: Schema.Finite,
  limitMaxMs: Schema.Finite,
  remedies: Schema.Array(Schema.String)
}) {
  override get message() {
    return `idle_in_transaction_session_timeout is ${this.limitMs} ms in our sessions (0: none), and has to be at most ${this.limitMaxMs}, or a frozen instance could block the next one; run once, and let the pooler open its sessions anew: ${this.remedies.join(" ")}`
  }
}

/**
 * Fails unless the sessions we are given end what is idle in a transaction before a lease can run out: without that a
 * frozen owner could block the next one for ever. Behind a pooler the limit has to come with the role.
 */
export const checkSessionLimits = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ readonly name: string; readonly limit: string }>`
    SELECT current_user AS name, setting AS limit FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'
  `.pipe(asStoreUnavailable("session limits"))
  const limitMs = Number(row?.limit ?? 0)
  const limitMaxMs = Number(sessionParameters.idle_in_transaction_session_timeout)
  if (limitMs > 0 && limitMs <= limitMaxMs) return
  const remedies = Object.entries(sessionParameters).map(
    ([name, value]) => `ALTER ROLE "${row?.name ?? ""}" SET ${name} = '${value}ms';`
  )
  return yield* new SessionsUnbounded({ limitMs, limitMaxMs, remedies })
})
