import { Effect, type Redacted } from "effect"
import { type Check, check, failed, ok, warning } from "../../pipeline/Check.ts"
import { clockCheck } from "../../pipeline/clockCheck.ts"
import { pgLook } from "./pgLook.ts"
import { schemaDefault } from "./PgSchema.ts"
import { migrationsCheck, type MigrationsOf, permissionsCheck } from "./pgSchemaChecks.ts"
import { poolerCheck, snapshotsCheck } from "./pgSessionChecks.ts"

/** Oldest Postgres the statements are meant for. 18 is what they are tested on. */
const majorMin = 14

/** What the pipeline means to do with a Postgres. */
export interface PgCheckOptions {
  readonly url: Redacted.Redacted
  /** `DATABASE_POOLING=transaction`. */
  readonly pooled: boolean
  /** Where the library's tables are; `millrace` unless said otherwise. */
  readonly schema?: string
  /** The application's own migrations and tables, besides the library's. */
  readonly app: MigrationsOf & { readonly tables: ReadonlyArray<string> }
  /** Age from which a snapshot is too old; a minute unless said otherwise. */
  readonly snapshotMaxSeconds?: number
}

const reachRemedy = "check DATABASE_URL, that the server runs, and that its user may log in"

interface Settings {
  readonly version: number
  readonly fsync: string
  readonly commit: string
  readonly recovering: boolean
}

/** Whether this Postgres can carry the pipeline. */
export const postgresChecks = (options: PgCheckOptions): ReadonlyArray<Check> => {
  const { app, pooled, schema = schemaDefault, snapshotMaxSeconds = 60, url } = options
  const settings = pgLook(url, (sql) =>
    Effect.flatMap(
      sql<Settings>`
        SELECT current_setting('server_version_num')::int AS version, current_setting('fsync') AS fsync,
          current_setting('synchronous_commit') AS commit, pg_is_in_recovery() AS recovering`,
      ([row]) => Effect.orDie(Effect.fromNullishOr(row))
    )
  )
  const time = pgLook(url, (sql) =>
    Effect.map(
      sql<{ readonly ms: number }>`SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms`,
      ([row]) => row?.ms
    )
  )
  return [
    check("postgres", reachRemedy, Effect.map(settings, reachable)),
    check("postgres durability", reachRemedy, Effect.map(settings, durable)),
    poolerCheck(url, pooled, reachRemedy),
    migrationsCheck(url, schema, app, reachRemedy),
    permissionsCheck(url, schema, app.tables, reachRemedy),
    snapshotsCheck(url, snapshotMaxSeconds, reachRemedy),
    clockCheck("postgres", reachRemedy, warmed(url, time))
  ]
}

/** The first statement of a process pays for connecting; a look before it keeps that out of what is measured. */
const warmed = <A, E>(url: Redacted.Redacted, look: Effect.Effect<A, E>) =>
  Effect.andThen(Effect.ignore(pgLook(url, (sql) => sql`SELECT 1`)), look)

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
