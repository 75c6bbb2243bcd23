import { Effect, Predicate } from "effect"
import { SqlError } from "effect/sql"
import { StoreUnavailable } from "../../pipeline/PipelineError.ts"

/** Postgres' own five-character code of a failure, when it gave one. */
export const sqlState = (error: SqlError.SqlError): string | undefined => {
  const { cause } = error.reason
  return Predicate.hasProperty(cause, "code") && Predicate.isString(cause.code) ? cause.code : undefined
}

/**
 * The connection or the server failed, not the statement: another try on another connection may succeed.
 * sql-pg 4.0.5 leaves 57P0x, 53xxx and 25xxx in UnknownError, hence the codes.
 */
export const isConnectionFailure = (error: SqlError.SqlError): boolean =>
  error.reason._tag === "ConnectionError" || connectionStates.test(sqlState(error) ?? "")

// 08 connection; 57P0x shutdown, starting up; 53 out of resources; 25006 read-only standby. Not 25P03: a transaction that
// was left idle for too long is its handler's doing, and counts as a failed attempt.
const connectionStates = /^(08\d{3}|57P0[1-5]|53\d{3}|25006)$/

/** The session was ended because its transaction stood still for longer than `idle_in_transaction_session_timeout`. */
export const isIdleTimeout = (error: SqlError.SqlError): boolean => sqlState(error) === "25P03"

/** The same as seen by a handler's next statement, or by one of ours behind it. */
export const isIdleEnd = (failure: unknown): boolean => {
  const error = failure instanceof StoreUnavailable ? failure.cause : failure
  return SqlError.isSqlError(error) && isIdleTimeout(error)
}

/** A statement of the engine failed, for whatever reason. */
export const storeUnavailable = (operation: string, error: SqlError.SqlError): StoreUnavailable => {
  const { cause } = error.reason
  const detail = cause instanceof Error ? cause.message : error.reason._tag
  return new StoreUnavailable({ operation, detail, cause: error })
}

/** Turns every SqlError of the engine's own statements into `StoreUnavailable`, also those that sql-pg raises as defects. */
export const asStoreUnavailable =
  (operation: string) =>
  <A, E, R>(
    effect: Effect.Effect<A, E | SqlError.SqlError, R>
  ): Effect.Effect<A, Exclude<E, SqlError.SqlError> | StoreUnavailable, R> =>
    effect.pipe(
      sqlDefectsToFailures,
      Effect.mapError((error) =>
        SqlError.isSqlError(error)
          ? storeUnavailable(operation, error)
          : // What is not a SqlError is in Exclude<E, SqlError>, which a predicate on a generic cannot show.
            (error as Exclude<E, SqlError.SqlError>)
      )
    )

/** How long a statement about a lease may take; a lease lasts longer. A peer that is silent is not noticed otherwise. */
const leaseStatementMax = "2 seconds"

/** `asStoreUnavailable` for statements about leases: what has no answer by then counts as failed, or its caller would wait for TCP. */
export const asLeaseStatement =
  (operation: string) =>
  <A, E, R>(
    effect: Effect.Effect<A, E | SqlError.SqlError, R>
  ): Effect.Effect<A, Exclude<E, SqlError.SqlError> | StoreUnavailable, R> =>
    asStoreUnavailable(operation)(effect).pipe(
      Effect.timeoutOrElse({
        duration: leaseStatementMax,
        orElse: () =>
          Effect.fail(
            new StoreUnavailable({
              operation,
              detail: `no answer in ${leaseStatementMax}`,
              cause: new Error(operation)
            })
          )
      })
    )

/** A connection lost inside a transaction arrives as a defect in sql-pg 4.0.5; this makes it a typed failure again. */
export const sqlDefectsToFailures = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError.SqlError, R> =>
  Effect.catchDefect(effect, (defect) => (SqlError.isSqlError(defect) ? Effect.fail(defect) : Effect.die(defect)))
