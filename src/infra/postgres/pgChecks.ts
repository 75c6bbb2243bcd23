import { PgClient } from "@effect/sql-pg"
import { Effect, type Redacted } from "effect"
import { Reactivity } from "effect/reactivity"
import { type Check, check, failed, ok, warning } from "../../pipeline/Check.ts"
import { asStoreUnavailable } from "./sqlFailure.ts"

/** Oldest Postgres the statements are meant for. 18 is what they are tested on. */
const majorMin = 14

interface Settings {
  readonly version: number
  readonly fsync: string
  readonly commit: string
  readonly recovering: boolean
  readonly migrated: boolean
}

/** Whether this Postgres can carry the pipeline. */
export const postgresChecks = (url: Redacted.Redacted): ReadonlyArray<Check> => {
  const ask = Effect.gen(function* () {
    const sql = yield* PgClient.make({ url, maxConnections: 1 })
    const [row] = yield* sql<Settings>`
      SELECT current_setting('server_version_num')::int AS version, current_setting('fsync') AS fsync,
        current_setting('synchronous_commit') AS commit, pg_is_in_recovery() AS recovering,
        to_regclass('millrace.outbox') IS NOT NULL AS migrated`
    return yield* Effect.fromNullishOr(row)
  }).pipe(asStoreUnavailable("look at Postgres"), Effect.scoped, Effect.provide(Reactivity.layer))
  const remedy = "check DATABASE_URL, that the server runs, and that its user may log in"
  return [
    check("postgres", remedy, Effect.map(ask, reachable)),
    check("postgres durability", remedy, Effect.map(ask, durable)),
    check(
      "migrations",
      remedy,
      Effect.map(ask, ({ migrated }) => ok(migrated ? "tables are there" : "tables will be created at the first start"))
    )
  ]
}

const reachable = ({ recovering, version }: Settings) => {
  const major = Math.floor(version / 10_000)
  if (recovering) return failed("it is a read-only standby", "point DATABASE_URL at the primary")
  return major < majorMin
    ? failed(`version ${major}`, `use Postgres ${majorMin} or newer`)
    : ok(`version ${major}, primary`)
}

const durable = ({ commit, fsync }: Settings) => {
  if (fsync !== "on") return failed("fsync is off: a crash of the machine loses committed orders", "set fsync = on")
  return commit === "off"
    ? warning("synchronous_commit is off: a crash loses the last orders", "set synchronous_commit = on")
    : ok(`fsync on, synchronous_commit ${commit}`)
}
