import { PgClient } from "@effect/sql-pg"
import { Effect, type Redacted } from "effect"
import { Reactivity } from "effect/reactivity"
import type { SqlClient, SqlError } from "effect/sql"
import type { StoreUnavailable } from "../../pipeline/PipelineError.ts"
import { asStoreUnavailable } from "./sqlFailure.ts"

/** One look at a Postgres by a connection of its own, prepared for nothing, so that it goes through any pooler. */
export const pgLook = <A>(
  url: Redacted.Redacted,
  look: (sql: SqlClient.SqlClient) => Effect.Effect<A, SqlError.SqlError | StoreUnavailable>,
  startupParameters: Readonly<Record<string, string>> = {}
): Effect.Effect<A, StoreUnavailable> =>
  PgClient.make({ url, maxConnections: 1, prepare: false, applicationName: "millrace-doctor", startupParameters }).pipe(
    Effect.flatMap(look),
    asStoreUnavailable("look at Postgres"),
    Effect.scoped,
    Effect.provide(Reactivity.layer)
  )
