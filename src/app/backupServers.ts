import { Duration, Effect, Layer, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { EmbeddedServers } from "../infra/embedded/EmbeddedServers.ts"
import { runningServers } from "../infra/embedded/RunningServers.ts"
import { NatsConnection } from "../infra/nats/NatsConnection.ts"
import * as NatsEventLog from "../infra/nats/NatsEventLog.ts"
import * as NatsStreamRemoval from "../infra/nats/NatsStreamRemoval.ts"
import * as NatsStreamView from "../infra/nats/NatsStreamView.ts"
import { migrate, pipelineMigrations } from "../infra/postgres/Migrations.ts"
import * as PgBackupStore from "../infra/postgres/PgBackupStore.ts"
import { clientLayer } from "../infra/postgres/PgControl.ts"
import { migratePipelineIn, pipelineMigrationsPlaces } from "../infra/postgres/PipelineTables.ts"
import type { AppConfigValues } from "./AppConfig.ts"
import { BackupSchema } from "./backup/BackupSchema.ts"
import { orderMigrations, orderMigrationsTable, orderTables } from "./orders/orderMigrations.ts"

type Say = (line: string) => Effect.Effect<void>

/** The servers of these settings as a backup needs them: nothing is made or changed by looking at them. */
export const backupServers = (config: AppConfigValues, say: Say) =>
  Layer.unwrap(Effect.map(urlsOf(config, say), (urls) => Layer.merge(tables(config, urls), broker(config, urls))))

interface Urls {
  readonly databaseUrl: Redacted.Redacted
  readonly natsUrl: Redacted.Redacted
}

/** Named servers; else the embedded ones of a pipeline that runs; else the embedded ones, started for this. */
const urlsOf = Effect.fnUntraced(function* (config: AppConfigValues, say: Say) {
  const { databaseUrl, natsUrl } = config
  if (Option.isSome(databaseUrl) && Option.isSome(natsUrl))
    return { databaseUrl: databaseUrl.value, natsUrl: natsUrl.value } satisfies Urls
  const running = yield* runningServers(config.dataDir)
  const embedded = Option.isSome(running) ? running.value : yield* started(config, say)
  return {
    databaseUrl: Option.getOrElse(databaseUrl, () => embedded.databaseUrl ?? Redacted.make("")),
    natsUrl: Option.getOrElse(natsUrl, () => Redacted.make(embedded.natsUrl ?? ""))
  } satisfies Urls
})

const started = Effect.fnUntraced(function* (config: AppConfigValues, say: Say) {
  const services = yield* Layer.build(
    EmbeddedServers.layer({
      dataDir: config.dataDir,
      postgres: Option.isNone(config.databaseUrl),
      nats: Option.isNone(config.natsUrl),
      onProgress: say
    })
  )
  return yield* Effect.provideContext(EmbeddedServers, services)
})

/** One connection copies. */
const connectionsMax = 1

const tables = ({ databasePooling, databaseSchema }: AppConfigValues, { databaseUrl }: Urls) => {
  const migrations = [
    pipelineMigrationsPlaces(databaseSchema),
    { table: orderMigrationsTable, places: [orderMigrationsTable] }
  ]
  const scope = { schema: databaseSchema, appTables: orderTables, migrations }
  const pooled = databasePooling === "transaction"
  return Layer.merge(PgBackupStore.layer(scope), schemaIn(databaseSchema)).pipe(
    Layer.provide(clientLayer({ url: databaseUrl, connectionsMax, keepAlive: "20 seconds", pooled }))
  )
}

/** How long a NATS that does not answer is tried: somebody waits. */
const patience = Duration.seconds(5)

const broker = (config: AppConfigValues, { natsUrl }: Urls) => {
  const { streamMaxAgeDays: maxAgeDays, streamMaxBytes: maxBytes, streamReplicas: replicas } = config
  const log = NatsEventLog.layer({ replicas, maxBytes, maxAgeDays })
  return Layer.mergeAll(log, NatsStreamView.layer, NatsStreamRemoval.layer).pipe(
    Layer.provide(NatsConnection.layer({ url: natsUrl, name: "millrace-backup", patience }))
  )
}

const schemaIn = (name: string) =>
  Layer.effect(
    BackupSchema,
    Effect.map(SqlClient.SqlClient, (sql) => ({
      migrations: [
        { table: pipelineMigrationsPlaces(name).table, done: Object.keys(pipelineMigrations) },
        { table: orderMigrationsTable, done: Object.keys(orderMigrations) }
      ],
      migrate: Effect.andThen(migratePipelineIn(name), migrate(orderMigrationsTable, orderMigrations)).pipe(
        Effect.asVoid,
        Effect.provideService(SqlClient.SqlClient, sql)
      )
    }))
  )
