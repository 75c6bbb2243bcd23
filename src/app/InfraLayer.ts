import { Context, Effect, Layer, Option, Redacted } from "effect"
import type { Migrator, SqlError } from "effect/sql"
import type { EmbeddedError } from "../infra/embedded/EmbeddedError.ts"
import { EmbeddedServers } from "../infra/embedded/EmbeddedServers.ts"
import * as MemoryPipeline from "../infra/memory/MemoryPipeline.ts"
import * as NatsPipeline from "../infra/nats/NatsPipeline.ts"
import { migrate } from "../infra/postgres/Migrations.ts"
import * as PgPipeline from "../infra/postgres/PgPipeline.ts"
import type { AuditStore } from "../pipeline/AuditStore.ts"
import type { Backlog } from "../pipeline/Backlog.ts"
import type { ControlDesk } from "../pipeline/ControlDesk.ts"
import type { CrashLog } from "../pipeline/CrashLog.ts"
import type { EffectLedger } from "../pipeline/EffectLedger.ts"
import type { EventLedger } from "../pipeline/EventLedger.ts"
import type { EventLog } from "../pipeline/EventLog.ts"
import type { Inbox } from "../pipeline/Inbox.ts"
import type { Outbox } from "../pipeline/Outbox.ts"
import type { Ownership } from "../pipeline/Ownership.ts"
import type { ParkingDesk } from "../pipeline/ParkingDesk.ts"
import type { ParkingLot } from "../pipeline/ParkingLot.ts"
import type { BrokerRefused, BrokerUnavailable, StoreUnavailable } from "../pipeline/PipelineError.ts"
import type { PipelineView } from "../pipeline/PipelineView.ts"
import type { RelayStore } from "../pipeline/RelayStore.ts"
import type { StreamView } from "../pipeline/StreamView.ts"
import type { Transactor } from "../pipeline/Transactor.ts"
import type { ViolationDesk } from "../pipeline/ViolationDesk.ts"
import type { AppConfigValues } from "./AppConfig.ts"
import * as MemoryOrderStore from "./orders/MemoryOrderStore.ts"
import * as MemoryOrderViews from "./orders/MemoryOrderViews.ts"
import { orderMigrations, orderMigrationsTable } from "./orders/orderMigrations.ts"
import type { OrderStore } from "./orders/OrderStore.ts"
import type { OrderViews } from "./orders/OrderViews.ts"
import * as PgOrderStore from "./orders/PgOrderStore.ts"
import * as PgOrderViews from "./orders/PgOrderViews.ts"
import * as Points from "./orders/Points.ts"
import * as Revenue from "./orders/Revenue.ts"

/** Where a server is, for people. */
export class ServerAddresses extends Context.Service<
  ServerAddresses,
  { readonly postgres: string; readonly nats: string }
>()("millrace/app/ServerAddresses") {}

/** Where a server is, for programs. Empty without servers. */
export class ServerUrls extends Context.Service<
  ServerUrls,
  { readonly databaseUrl: Redacted.Redacted; readonly natsUrl: Redacted.Redacted }
>()("millrace/app/ServerUrls") {}

/** What everything else is built on, whichever servers there are. */
export type Infra =
  | AuditStore
  | Backlog
  | ControlDesk
  | CrashLog
  | EffectLedger
  | EventLedger
  | EventLog
  | Inbox
  | OrderStore
  | OrderViews
  | Outbox
  | Ownership
  | ParkingDesk
  | ParkingLot
  | PipelineView
  | Points.Points
  | RelayStore
  | Revenue.Revenue
  | ServerAddresses
  | ServerUrls
  | StreamView
  | Transactor
  | ViolationDesk

/** Everything in memory. */
export const memoryInfra: Layer.Layer<Infra> = Layer.mergeAll(
  MemoryOrderStore.layer,
  MemoryOrderViews.layer,
  Points.layerMemory,
  Revenue.layerMemory
).pipe(
  Layer.provideMerge(MemoryPipeline.layer),
  Layer.provideMerge(Layer.succeed(ServerAddresses, { postgres: "none (--memory)", nats: "none (--memory)" })),
  Layer.provideMerge(Layer.succeed(ServerUrls, { databaseUrl: Redacted.make(""), natsUrl: Redacted.make("") }))
)

/** Why the servers could not be used. */
export type InfraFailure =
  | EmbeddedError
  | BrokerRefused
  | BrokerUnavailable
  | StoreUnavailable
  | PgPipeline.SchemaNameInvalid
  | PgPipeline.SessionsUnbounded
  | SqlError.SqlError
  | Migrator.MigrationError

/** Postgres and NATS, named or of our own. */
export const serverInfra = (
  config: AppConfigValues,
  say: (line: string) => Effect.Effect<void>
): Layer.Layer<Infra, InfraFailure> =>
  Layer.unwrap(
    Effect.map(EmbeddedServers, (embedded) => {
      const databaseUrl = Option.getOrElse(config.databaseUrl, () => embedded.databaseUrl ?? Redacted.make(""))
      const natsUrl = Option.getOrElse(config.natsUrl, () => Redacted.make(embedded.natsUrl ?? ""))
      const addresses = {
        postgres: addressOf(databaseUrl, Option.isNone(config.databaseUrl)),
        nats: addressOf(natsUrl, Option.isNone(config.natsUrl))
      }
      return stores.pipe(
        Layer.provideMerge(Layer.effectDiscard(migrate(orderMigrationsTable, orderMigrations))),
        Layer.provideMerge(
          PgPipeline.layer({
            url: databaseUrl,
            schema: config.databaseSchema,
            connectionsMax: config.databaseConnectionsMax,
            keepAlive: "20 seconds",
            pooled: config.databasePooling === "transaction"
          })
        ),
        Layer.provideMerge(
          NatsPipeline.layer({
            url: natsUrl,
            name: "millrace",
            replicas: config.streamReplicas,
            maxBytes: config.streamMaxBytes,
            maxAgeDays: config.streamMaxAgeDays
          })
        ),
        Layer.provideMerge(Layer.succeed(ServerAddresses, addresses)),
        Layer.provideMerge(Layer.succeed(ServerUrls, { databaseUrl, natsUrl }))
      )
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

const stores = Layer.mergeAll(PgOrderStore.layer, PgOrderViews.layer, Points.layer, Revenue.layer)

const addressOf = (url: Redacted.Redacted, embedded: boolean) => {
  // A NATS cluster is named by several addresses.
  const hosts = Redacted.value(url)
    .split(",")
    .map((one) => new URL(one.trim()).host)
  return embedded ? `${hosts.join(", ")} (embedded)` : hosts.join(", ")
}
