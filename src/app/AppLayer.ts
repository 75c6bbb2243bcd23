import { Context, Duration, Effect, Layer, Option, Redacted } from "effect"
import type { Migrator, SqlError } from "effect/sql"
import type { EmbeddedError } from "../infra/embedded/EmbeddedError.ts"
import { startNats } from "../infra/embedded/EmbeddedNats.ts"
import { startPostgres } from "../infra/embedded/EmbeddedPostgres.ts"
import { EmbeddedServers } from "../infra/embedded/EmbeddedServers.ts"
import type { ServerHandle } from "../infra/embedded/SupervisedServer.ts"
import { tempDataDir } from "../infra/embedded/TempServers.ts"
import * as MemoryPipeline from "../infra/memory/MemoryPipeline.ts"
import * as NatsPipeline from "../infra/nats/NatsPipeline.ts"
import { natsChecks } from "../infra/nats/natsChecks.ts"
import { migrate } from "../infra/postgres/Migrations.ts"
import { postgresChecks } from "../infra/postgres/pgChecks.ts"
import type { SessionsUnbounded } from "../infra/postgres/SessionLimits.ts"
import * as PgPipeline from "../infra/postgres/PgPipeline.ts"
import { type Check, check, ok } from "../pipeline/Check.ts"
import { consumerOptionsDefault } from "../pipeline/ConsumerOptions.ts"
import type { AuditStore } from "../pipeline/AuditStore.ts"
import type { Backlog } from "../pipeline/Backlog.ts"
import type { CrashLog } from "../pipeline/CrashLog.ts"
import type { EffectLedger } from "../pipeline/EffectLedger.ts"
import type { EventLedger } from "../pipeline/EventLedger.ts"
import type { EventLog } from "../pipeline/EventLog.ts"
import type { Inbox } from "../pipeline/Inbox.ts"
import type { Outbox } from "../pipeline/Outbox.ts"
import type { Instance, Ownership } from "../pipeline/Ownership.ts"
import type { ParkingDesk } from "../pipeline/ParkingDesk.ts"
import type { ParkingLot } from "../pipeline/ParkingLot.ts"
import { relayTimingDefault } from "../pipeline/Relay.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import type { BrokerRefused, BrokerUnavailable, StoreUnavailable, StreamMismatch } from "../pipeline/PipelineError.ts"
import type { RelayStore } from "../pipeline/RelayStore.ts"
import { retryPolicy } from "../pipeline/RetryPolicy.ts"
import type { Transactor } from "../pipeline/Transactor.ts"
import { type AppConfigValues, readConfig } from "./AppConfig.ts"
import { effectsLayer } from "./effects/effectsLayer.ts"
import { orderHandlers } from "./effects/handlers.ts"
import { Engine, type EngineNotStarted } from "./engine/Engine.ts"
import * as EngineThread from "./engine/EngineThread.ts"
import * as HttpServer from "./http/server.ts"
import * as AnswerJanitor from "./orders/AnswerJanitor.ts"
import { Intake } from "./orders/Intake.ts"
import * as MemoryOrderStore from "./orders/MemoryOrderStore.ts"
import * as MemoryOrderViews from "./orders/MemoryOrderViews.ts"
import { OrderCommands } from "./orders/OrderCommands.ts"
import { orderMigrations } from "./orders/orderMigrations.ts"
import { Orders } from "./orders/Orders.ts"
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

/** Groups of commands at the same time. One: the next group grows while this one commits, and popular SKUs are no contention. */
const groupsAtOnceMax = 1

/** What the service is started with besides its settings. */
export interface AppOptions {
  readonly memory: boolean
  /** The settings as texts, for a thread of its own. */
  readonly settings: Readonly<Record<string, string>>
  readonly instance: Instance
  readonly draining: { readonly now: boolean }
  readonly say: (line: string) => Effect.Effect<void>
}

/** The whole service. Closing it stops the intake first, then finishes what is in hand, then lets go of the servers. */
export const appLayer = (config: AppConfigValues, options: AppOptions) => {
  const infra: Layer.Layer<Infra, InfraFailure> = options.memory ? memoryInfra : serverInfra(config, options.say)
  return http(config, options.draining).pipe(Layer.provideMerge(engine(config, options)), Layer.provideMerge(infra))
}

/** Relay and workers by themselves, on servers that are named: what runs in a thread of its own. */
export const engineLayer = (config: AppConfigValues, instance: Instance) =>
  engineHere(config, instance).pipe(Layer.provideMerge(serverInfra(config, () => Effect.void)))

/** The ports on the servers of these settings, for commands that only look. */
export const pipelineInfra = (
  config: AppConfigValues,
  say: (line: string) => Effect.Effect<void>
): Layer.Layer<AuditStore | EventLog | RelayStore, InfraFailure> => serverInfra(config, say)

/** Servers to throw away, and how pipelines find them. */
export interface DrillServers {
  readonly postgres: ServerHandle
  readonly nats: ServerHandle
  readonly environment: { readonly DATABASE_URL: string; readonly NATS_URL: string }
  readonly config: AppConfigValues
}

/** A Postgres and a nats-server in a folder of their own: what is killed stays down until it is started again. */
export const drillServers = Effect.gen(function* () {
  const dataDir = yield* tempDataDir
  const { nats, postgres } = yield* Effect.all(
    { nats: startNats({ dataDir, supervise: false }), postgres: startPostgres({ dataDir, supervise: false }) },
    { concurrency: 2 }
  )
  const environment = { DATABASE_URL: Redacted.value(postgres.url), NATS_URL: nats.url }
  const config = yield* readConfig(
    { databaseUrl: environment.DATABASE_URL, natsUrl: environment.NATS_URL, dataDir },
    {}
  )
  return { postgres, nats, environment, config } satisfies DrillServers
})

const http = (config: AppConfigValues, draining: { readonly now: boolean }) => {
  const { bodyMaxBytes, host, opsToken, port, role } = config
  const drainMax = Duration.seconds(config.drainMaxSeconds)
  const options = { host, port, bodyMaxBytes, drainMax, draining, opsToken }
  if (!role.includes("api")) return role.includes("ops") ? HttpServer.layerOperations(options) : Layer.empty
  const commands = OrderCommands.layer({
    waitingMax: config.commandsWaitingMax,
    groupMax: config.commandGroupMax,
    groupsAtOnceMax
  })
  const intake = Intake.layer({
    rowsMax: config.backlogRowsMax,
    ageMax: Duration.seconds(config.backlogAgeMaxSeconds)
  })
  const janitor = AnswerJanitor.layer(Duration.hours(config.idempotencyHours))
  return HttpServer.layer(options).pipe(
    Layer.provideMerge(Layer.mergeAll(commands.pipe(Layer.provide(intake)), janitor))
  )
}

/** Why relay and workers could not be started. */
type EngineFailure = EngineNotStarted | BrokerRefused | BrokerUnavailable | StoreUnavailable | StreamMismatch

/** Beside the API, relay and workers get a thread of their own; alone, and without servers, they run here. */
const engine = (
  config: AppConfigValues,
  { instance, memory, settings }: AppOptions
): Layer.Layer<Engine, EngineFailure, Infra> => {
  const beside = config.role.includes("api") && ["relay", "worker"].some((role) => config.role.includes(role))
  if (memory || !beside) return engineHere(config, instance)
  return Layer.unwrap(
    Effect.map(ServerUrls, (urls) => {
      const databaseUrl = Redacted.value(urls.databaseUrl)
      const natsUrl = Redacted.value(urls.natsUrl)
      const drainMax = Duration.seconds(config.drainMaxSeconds)
      return EngineThread.layer({ ...settings, databaseUrl, natsUrl }, instance, drainMax)
    })
  )
}

const engineHere = (config: AppConfigValues, instance: Instance) =>
  Layer.effect(
    Engine,
    Effect.map(Pipeline.Pipeline, ({ partitions }) => ({
      partitions,
      instanceId: instance.id,
      ended: Effect.never,
      // Here they are in the same registry as everything else's.
      metrics: Effect.succeed("")
    }))
  ).pipe(Layer.provide(pipeline(config, instance)))

const pipeline = (config: AppConfigValues, instance: Instance) => {
  const retry = retryPolicy({
    attemptsMax: config.retryAttemptsMax,
    delayMax: Duration.seconds(config.retryDelayMaxSeconds),
    attemptTimeout: Duration.seconds(config.attemptMaxSeconds)
  })
  const consumers = {
    ...consumerOptionsDefault,
    transactionsMax: config.handlerTransactionsMax,
    drainMax: Duration.seconds(config.drainMaxSeconds),
    ackWait: Duration.seconds(config.ackWaitSeconds),
    parkedEventsMax: config.parkedEventsMax,
    parkedEventsOfKeyMax: config.parkedEventsOfKeyMax
  }
  const { partitions, role } = config
  const handlers = role.includes("worker") ? orderHandlers(retry) : []
  const relay = { ...relayTimingDefault, keepFor: Duration.seconds(config.outboxKeepSeconds) }
  const options = { partitions, instance, consumers, relay, relays: role.includes("relay") }
  return Pipeline.layer(Orders, handlers, options).pipe(Layer.provide(effectsLayer(config)))
}

/** What everything else is built on, whichever servers there are. */
type Infra =
  | AuditStore
  | Backlog
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
  | Points.Points
  | RelayStore
  | Revenue.Revenue
  | ServerAddresses
  | ServerUrls
  | Transactor

const memoryInfra: Layer.Layer<Infra> = Layer.mergeAll(
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
  | SessionsUnbounded
  | SqlError.SqlError
  | Migrator.MigrationError

const serverInfra = (
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
        Layer.provideMerge(Layer.effectDiscard(migrate("order_migrations", orderMigrations))),
        Layer.provideMerge(
          PgPipeline.layer({
            url: databaseUrl,
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

/** The checks of the servers: those that are named, or of what the embedded ones need. */
export const serverChecks = (config: AppConfigValues): ReadonlyArray<Check> => [
  ...Option.match(config.databaseUrl, {
    onNone: () => [check("postgres", "", Effect.succeed(ok(`embedded, in ${config.dataDir}`)))],
    onSome: postgresChecks
  }),
  ...Option.match(config.natsUrl, {
    onNone: () => [check("nats", "", Effect.succeed(ok(`embedded, in ${config.dataDir}`)))],
    onSome: natsChecks
  })
]
