import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { StoreUnavailable } from "../../pipeline/PipelineError.ts"
import { sessionParameters } from "./PgControl.ts"
import { asStoreUnavailable } from "./sqlFailure.ts"

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
  if (limitMs > 0 && limitMs <= Number(sessionParameters.idle_in_transaction_session_timeout)) return
  const remedies = Object.entries(sessionParameters).map(
    ([name, value]) => `ALTER ROLE "${row?.name ?? ""}" SET ${name} = '${value}ms';`
  )
  const detail = `idle_in_transaction_session_timeout is ${limitMs} ms in our sessions, and has to be at most ${sessionParameters.idle_in_transaction_session_timeout}; run once, and let the pooler open its sessions anew: ${remedies.join(" ")}`
  return yield* new StoreUnavailable({ operation: "session limits", detail, cause: new Error(detail) })
})
