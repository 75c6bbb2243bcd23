import { Effect, Layer, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { EmbeddedServers } from "../infra/embedded/EmbeddedServers.ts"
import { NatsConnection } from "../infra/nats/NatsConnection.ts"
import * as NatsEventLog from "../infra/nats/NatsEventLog.ts"
import * as NatsStreamRemoval from "../infra/nats/NatsStreamRemoval.ts"
import * as NatsStreamView from "../infra/nats/NatsStreamView.ts"
import { migrate, migratePipeline, pipelineMigrations, pipelineMigrationsTable } from "../infra/postgres/Migrations.ts"
import * as PgBackupStore from "../infra/postgres/PgBackupStore.ts"
import { clientLayer } from "../infra/postgres/PgControl.ts"
import type { AppConfigValues } from "./AppConfig.ts"
import { BackupSchema } from "./backup/BackupSchema.ts"
import { orderMigrations, orderMigrationsTable, orderTables } from "./orders/orderMigrations.ts"

/** A copy is taken by one, and looked at by another while it is. */
const connectionsMax = 2

/** The servers of these settings as a backup needs them: nothing is made or changed by looking at them. */
export const backupServers = (config: AppConfigValues, say: (line: string) => Effect.Effect<void>) =>
  Layer.unwrap(
    Effect.map(EmbeddedServers, (embedded) => {
      const databaseUrl = Option.getOrElse(config.databaseUrl, () => embedded.databaseUrl ?? Redacted.make(""))
      const natsUrl = Option.getOrElse(config.natsUrl, () => Redacted.make(embedded.natsUrl ?? ""))
      const pooled = config.databasePooling === "transaction"
      const tables = Layer.merge(
        PgBackupStore.layer({
          appTables: orderTables,
          migrationTables: [pipelineMigrationsTable, orderMigrationsTable]
        }),
        schema
      ).pipe(Layer.provide(clientLayer({ url: databaseUrl, connectionsMax, keepAlive: "20 seconds", pooled })))
      const options = {
        replicas: config.streamReplicas,
        maxBytes: config.streamMaxBytes,
        maxAgeDays: config.streamMaxAgeDays
      }
      const broker = Layer.mergeAll(NatsEventLog.layer(options), NatsStreamView.layer, NatsStreamRemoval.layer).pipe(
        Layer.provide(NatsConnection.layer({ url: natsUrl, name: "millrace-backup" }))
      )
      return Layer.merge(tables, broker)
    })
  ).pipe(
    Layer.provide(
      EmbeddedServers.layer({
        dataDir: config.dataDir,
        postgres: Option.isNone(config.databaseUrl),
        nats: Option.isNone(config.natsUrl),
        onProgress: say
      })
    )
  )

const schema = Layer.effect(
  BackupSchema,
  Effect.map(SqlClient.SqlClient, (sql) => ({
    migrations: [
      { table: pipelineMigrationsTable, done: Object.keys(pipelineMigrations) },
      { table: orderMigrationsTable, done: Object.keys(orderMigrations) }
    ],
    migrate: Effect.andThen(migratePipeline, migrate(orderMigrationsTable, orderMigrations)).pipe(
      Effect.asVoid,
      Effect.provideService(SqlClient.SqlClient, sql)
    )
  }))
)
