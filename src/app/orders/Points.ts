import { Context, Effect, Layer } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import type { UserId } from "../../domain/Ids.ts"
import type { Transactor } from "../../pipeline/Transactor.ts"
import { makeMemoryTable } from "./MemoryTable.ts"

/** Points for every paid order. */
export const pointsPerPaidOrder = 100

/** The loyalty account of each user. */
export class Points extends Context.Service<
  Points,
  {
    /** Books points; several entries of one user add up. */
    readonly add: (users: ReadonlyArray<UserId>, pointsEach: number) => Effect.Effect<void, SqlError.SqlError>
    /** 0 for users nobody knows. */
    readonly of: (userId: UserId) => Effect.Effect<number, SqlError.SqlError>
  }
>()("millrace/app/orders/Points") {}

/** Accounts in Postgres. */
export const layer: Layer.Layer<Points, never, SqlClient.SqlClient> = Layer.effect(
  Points,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    return Points.of({
      // Sorted by the GROUP BY's ORDER BY: two partitions never hold the same user, two instances lock in one sequence.
      add: (users, pointsEach) =>
        sql`
          INSERT INTO user_points AS p (user_id, points)
          SELECT u, count(*) * ${pointsEach}::bigint FROM unnest(${users}::text[]) AS u GROUP BY u ORDER BY u
          ON CONFLICT (user_id) DO UPDATE SET points = p.points + excluded.points`.pipe(Effect.asVoid),
      of: (userId) =>
        sql<{ readonly points: bigint }>`SELECT points FROM user_points WHERE user_id = ${userId}`.pipe(
          Effect.map(([row]) => Number(row?.points ?? 0))
        )
    })
  })
)

/** Accounts in memory. */
export const layerMemory: Layer.Layer<Points, never, Transactor> = Layer.effect(
  Points,
  Effect.gen(function* () {
    const accounts = yield* makeMemoryTable<UserId, number>()
    return Points.of({
      add: (users, pointsEach) =>
        Effect.forEach(users, (user) => accounts.set(user, (accounts.rows.get(user) ?? 0) + pointsEach), {
          discard: true
        }),
      of: (userId) => Effect.sync(() => accounts.rows.get(userId) ?? 0)
    })
  })
)
