import { Effect, type Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { type Check, check, failed, ok, warning } from "../../pipeline/Check.ts"
import { sessionParameters } from "./PgControl.ts"
import { pgLook } from "./pgLook.ts"
import { checkSessionLimits } from "./SessionLimits.ts"

/** Whether sessions are ours, or lent by a pooler, as `DATABASE_POOLING` says. */
export const poolerCheck = (url: Redacted.Redacted, pooled: boolean, remedy: string): Check =>
  check("pooler", remedy, pooled ? lentSessions(url) : ownSessions(url))

/** What PgBouncer says to a session parameter that it does not keep. */
const refusedParameter = /unsupported startup parameter/i

const poolerRemedy = "set DATABASE_POOLING=transaction, or point DATABASE_URL at Postgres itself"

const ownSessions = (url: Redacted.Redacted) =>
  pgLook(
    url,
    (sql) => sql<{ readonly limit: string }>`
      SELECT setting AS limit FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'`,
    sessionParameters
  ).pipe(
    Effect.map(([row]) =>
      row?.limit === sessionParameters.idle_in_transaction_session_timeout
        ? ok("none: sessions are ours, and keep their limits")
        : failed("session limits that we set do not reach Postgres: a pooler stands before it", poolerRemedy)
    ),
    Effect.catchIf(
      ({ detail }) => refusedParameter.test(detail),
      () => Effect.succeed(failed("a pooler that refuses session limits stands before Postgres", poolerRemedy))
    )
  )

const lentSessions = (url: Redacted.Redacted) =>
  pgLook(url, (sql) =>
    checkSessionLimits.pipe(
      Effect.provideService(SqlClient.SqlClient, sql),
      Effect.as(ok("sessions are lent for a transaction, and bring their limits")),
      Effect.catchTag("SessionsUnbounded", ({ limitMs, remedies }) =>
        Effect.succeed(
          failed(
            `sessions bring idle_in_transaction_session_timeout = ${limitMs} ms (0: none), so that a frozen instance could block the next one`,
            `run once, and let the pooler open its sessions anew: ${remedies.join(" ")}`
          )
        )
      )
    )
  )

interface Snapshot {
  readonly holder: string
  readonly seconds: number
  readonly all: boolean
}

/** Whether a transaction, here or of a standby, keeps rows from being cleaned away that were published long ago. */
export const snapshotsCheck = (url: Redacted.Redacted, secondsMax: number, remedy: string): Check =>
  check(
    "old snapshots",
    remedy,
    pgLook(url, (sql) =>
      Effect.map(
        sql<Snapshot>`
          SELECT holder, extract(epoch FROM clock_timestamp() - since)::float8 AS seconds,
            pg_has_role('pg_read_all_stats', 'usage') AS all
          FROM (
            SELECT format('session %s of %s (%s, %s)', pid, usename, coalesce(nullif(application_name, ''), 'unnamed'), state) AS holder,
              xact_start AS since FROM pg_stat_activity
              WHERE coalesce(backend_xmin, backend_xid) IS NOT NULL AND pid <> pg_backend_pid()
            UNION ALL
            SELECT format('prepared transaction %L of %s', gid, owner), prepared FROM pg_prepared_xacts
          ) x WHERE since IS NOT NULL ORDER BY since LIMIT 1`,
        ([oldest]) => snapshotResult(oldest, secondsMax)
      )
    )
  )

const snapshotResult = (oldest: Snapshot | undefined, secondsMax: number) => {
  if (oldest === undefined) return ok("none: dead rows can be cleaned away")
  const { all, holder, seconds } = oldest
  const said = `the oldest is ${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s old${all ? "" : ", of those that this role may see"}`
  return seconds <= secondsMax
    ? ok(said)
    : warning(
        `${said}: ${holder} keeps all rows from being cleaned away that were deleted since, and the relay reads over them: it slows down`,
        "end it: SELECT pg_terminate_backend(pid), or ROLLBACK PREPARED; bound such sessions by idle_in_transaction_session_timeout"
      )
}
