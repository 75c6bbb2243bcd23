import { Context, Effect, Exit, Layer, Option } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import type { StoreUnavailable } from "../../pipeline/PipelineError.ts"
import { Transactor } from "../../pipeline/Transactor.ts"
import { isConnectionFailure, storeUnavailable } from "./sqlFailure.ts"

/** What the open transaction has to do when it rolls back. */
const Compensations = Context.Reference<Option.Option<Array<Effect.Effect<void>>>>(
  "millrace/infra/postgres/Compensations",
  {
    defaultValue: Option.none
  }
)

/** A failure of the effect itself, told apart from one of BEGIN or COMMIT. */
class Own<E> {
  readonly error: E
  constructor(error: E) {
    this.error = error
  }
}

/**
 * Runs an effect in a Postgres transaction; nested runs are savepoints. A connection that is lost on the way, and a
 * BEGIN or COMMIT that fails, are `StoreUnavailable`; the effect's own SqlErrors pass through when they are about a
 * statement (a constraint, a syntax error).
 */
export const inTransaction = <A, E, R>(
  sql: SqlClient.SqlClient,
  operation: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | StoreUnavailable, R> =>
  sql.withTransaction(Effect.mapError(effect, (error) => new Own(error))).pipe(
    // A role may have another default; statements here count on seeing what others committed meanwhile.
    Effect.provideService(SqlClient.BeginTransaction, "BEGIN ISOLATION LEVEL READ COMMITTED"),
    // When the session is lost, the rollback dies too, and takes the failure with it as a defect.
    Effect.catchDefect((defect) =>
      // Only the line above makes one, and of this E.
      defect instanceof Own ? Effect.fail(defect as Own<E>) : Effect.die(defect)
    ),
    // A lost connection is nobody's fault; any other defect is a bug of the effect, and stays one.
    Effect.catchDefect((defect) =>
      SqlError.isSqlError(defect) && isConnectionFailure(defect) ? Effect.fail(defect) : Effect.die(defect)
    ),
    Effect.mapError((failure) => {
      if (!(failure instanceof Own)) return storeUnavailable(operation, failure)
      const { error } = failure
      return SqlError.isSqlError(error) && isConnectionFailure(error) ? storeUnavailable(operation, error) : error
    })
  )

/** The transactor of Postgres. */
export const layer: Layer.Layer<Transactor, never, SqlClient.SqlClient> = Layer.effect(
  Transactor,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    return Transactor.of({
      run: (effect) =>
        Effect.suspend(() => {
          const compensations: Array<Effect.Effect<void>> = []
          return inTransaction(sql, "transaction", effect).pipe(
            Effect.provideService(Compensations, Option.some(compensations)),
            Effect.onExit((exit) =>
              Exit.isSuccess(exit) ? Effect.void : Effect.all(compensations.reverse(), { discard: true })
            )
          )
        }),
      afterCommit: (effect) => sql.afterCommit(effect),
      onRollback: (effect) =>
        Effect.flatMap(Compensations, (open) =>
          Effect.sync(() => {
            if (Option.isSome(open)) open.value.push(effect)
          })
        )
    })
  })
)
