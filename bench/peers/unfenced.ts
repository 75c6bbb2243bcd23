import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { Inbox } from "../../src/pipeline/Inbox.ts"
import { inTransaction } from "../../src/infra/postgres/PgTransactor.ts"
import { asStoreUnavailable } from "../../src/infra/postgres/sqlFailure.ts"

/**
 * The inbox without its safety: no epoch, no opening, no expected cursor, no version of a key. Effects and a cursor per
 * partition in one transaction, as a consumer that trusts its broker would do it.
 */
export const layer: Layer.Layer<Inbox, never, SqlClient.SqlClient> = Layer.effect(
  Inbox,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const move: Inbox["Service"]["commitGroup"] = Effect.fnUntraced(function* (commits) {
      const claims = commits.map((one) => one.claim)
      yield* sql`
        UPDATE millrace.lease l SET cursor = a.cursor FROM unnest(${claims.map((c) => c.handler)}::text[],
          ${claims.map((c) => c.partition)}::int[], ${commits.map((c) => BigInt(c.cursorTo))}::bigint[]) AS a(handler, partition, cursor)
        WHERE l.stream = ${claims[0]?.stream ?? ""} AND l.handler = a.handler AND l.partition = a.partition`
      return commits.map(() => true)
    }, asStoreUnavailable("Unfenced.move"))
    return Inbox.of({
      progress: (_, __, keys) => Effect.succeed(keys.map(() => ({ version: 0, parked: false }))),
      commit: (commits, effects) =>
        inTransaction(sql, "Unfenced.commit", Effect.asVoid(Effect.andThen(effects, move(commits)))),
      commitOne: (one) => Effect.asVoid(move([one])),
      commitGroup: move
    })
  })
)
