import { PgClient } from "@effect/sql-pg"
import { Context, type Duration, Effect, Layer, type Redacted } from "effect"
import { Reactivity } from "effect/reactivity"
import type { SqlError } from "effect/sql"

/** How the pipeline connects to Postgres, when it brings a client of its own. */
export interface PgOptions {
  /** `postgresql://user:password@host:port/database` */
  readonly url: Redacted.Redacted
  /** Connections for commands and handlers; 10 unless said otherwise. Three more are kept for leases and the relay. */
  readonly connectionsMax: number
  /** How long a connection that lost its peer may go unnoticed; 10 s unless said otherwise. */
  readonly keepAlive: Duration.Input
  /**
   * True behind a pooler that lends a session for one transaction only (PgBouncer's `pool_mode = transaction`): nothing
   * is prepared, and nothing is set on a session. The role then has to bring the session limits; see `SessionLimits`.
   */
  readonly pooled?: boolean
}

/** How long a lease lasts without renewal, by the database's clock. */
export const leaseTtlSeconds = 3

/** Connections kept apart for leases and the relay, so that a busy handler can never cost an instance its partitions. */
export const controlConnectionsMax = 3

/**
 * Bounds on what a session may hold, in milliseconds, for `PgClient.layer({ startupParameters })`. `idle_in_transaction_session_timeout` is
 * part of the protocol: it frees what a frozen owner holds before its lease can have passed to another.
 */
export const sessionParameters = {
  idle_in_transaction_session_timeout: "2000",
  lock_timeout: "3000",
  statement_timeout: "10000"
} as const

/**
 * For leases and relay, whose statements all go by an index. A table that was empty when Postgres counted it last is believed
 * to be empty: all rows that wait in the outbox were read and sorted, for every batch. Not behind a pooler.
 */
const byIndex = { enable_bitmapscan: "off", enable_seqscan: "off", enable_sort: "off" } as const

const sessionOf = ({ pooled }: PgOptions, parameters: Readonly<Record<string, string>>) =>
  pooled === true ? { prepare: false } : { startupParameters: parameters }

/** The connections of leases and relay. */
export class PgControl extends Context.Service<PgControl, PgClient.PgClient>()("millrace/infra/postgres/PgControl") {
  static readonly layer = (options: PgOptions): Layer.Layer<PgControl, SqlError.SqlError> =>
    controlLayer(
      Effect.succeed({
        url: options.url,
        keepAlive: options.keepAlive,
        ...sessionOf(options, { ...sessionParameters, ...byIndex })
      })
    )

  /** To the same place as the application's own client, and as it connects. */
  static readonly layerFrom: Layer.Layer<PgControl, SqlError.SqlError, PgClient.PgClient> = Layer.suspend(() =>
    controlLayer(Effect.map(PgClient.PgClient, ({ config }) => controlConfig(config)))
  )
}

const controlLayer = <R>(config: Effect.Effect<PgClient.PgClientConfig, never, R>) =>
  Layer.effect(
    PgControl,
    Effect.flatMap(config, (own) =>
      PgClient.make({ ...own, maxConnections: controlConnectionsMax, applicationName: "millrace-control" })
    )
  ).pipe(Layer.provide(Reactivity.layer))

const controlConfig = ({
  transformJson: _json,
  transformQueryNames: _query,
  transformResultNames: _result,
  ...config
}: PgClient.PgClientConfig): PgClient.PgClientConfig => ({
  ...config,
  // A client that prepares nothing is behind a pooler, which lends no session to set anything on.
  startupParameters: config.prepare === false ? {} : { ...config.startupParameters, ...sessionParameters, ...byIndex }
})

/** When a lease that is taken or renewed now runs out, by the database's clock. */
export const leaseExpiry = (sql: PgControl["Service"]) =>
  sql`clock_timestamp() + make_interval(secs => ${leaseTtlSeconds})`

/** The connections of commands and handlers, as `SqlClient` and `PgClient`. */
export const clientLayer = (options: PgOptions): ReturnType<typeof PgClient.layer> =>
  PgClient.layer({
    url: options.url,
    keepAlive: options.keepAlive,
    maxConnections: options.connectionsMax,
    applicationName: "millrace",
    ...sessionOf(options, sessionParameters)
  })
