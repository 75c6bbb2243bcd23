import { Duration, Effect, Layer, Redacted } from "effect"
import { startNats } from "../infra/embedded/EmbeddedNats.ts"
import { startPostgres } from "../infra/embedded/EmbeddedPostgres.ts"
import type { ServerHandle } from "../infra/embedded/SupervisedServer.ts"
import { tempDataDir } from "../infra/embedded/TempServers.ts"
import { beginMetrics } from "../ops/SignalMetrics.ts"
import { consumerOptionsDefault } from "../pipeline/ConsumerOptions.ts"
import type { AuditStore } from "../pipeline/AuditStore.ts"
import type { EventLog } from "../pipeline/EventLog.ts"
import type { Instance } from "../pipeline/Ownership.ts"
import { relayTimingDefault } from "../pipeline/Relay.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import type { BrokerRefused, BrokerUnavailable, StoreUnavailable, StreamMismatch } from "../pipeline/PipelineError.ts"
import type { RelayStore } from "../pipeline/RelayStore.ts"
import type { StreamView } from "../pipeline/StreamView.ts"
import { retryPolicy } from "../pipeline/RetryPolicy.ts"
import { type AppConfigValues, readConfig } from "./AppConfig.ts"
import { checksOfServers } from "./doctorChecks.ts"
import { effectsLayer } from "./effects/effectsLayer.ts"
import { orderHandlers } from "./effects/handlers.ts"
import { Engine, type EngineNotStarted } from "./engine/Engine.ts"
import * as EngineThread from "./engine/EngineThread.ts"
import { signals } from "../ops/signals.ts"
import * as HttpServer from "./http/server.ts"
import * as AnswerJanitor from "./orders/AnswerJanitor.ts"
import { Intake } from "./orders/Intake.ts"
import { OrderCommands } from "./orders/OrderCommands.ts"
import { Orders } from "./orders/Orders.ts"
import { type Infra, type InfraFailure, memoryInfra, serverInfra, ServerUrls } from "./InfraLayer.ts"
import { processMetrics } from "./telemetry/processMetrics.ts"
import { telemetry } from "./telemetry/Telemetry.ts"

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
  return http(config, options.draining).pipe(
    Layer.provideMerge(engine(config, options)),
    Layer.provideMerge(infra),
    Layer.provide(signals),
    Layer.provide(Layer.merge(telemetry(config, options.instance, "main"), processMetrics))
  )
}

/** Relay and workers by themselves, on servers that are named: what runs in a thread of its own. */
export const engineLayer = (config: AppConfigValues, instance: Instance) =>
  engineHere(config, instance).pipe(
    Layer.provideMerge(serverInfra(config, () => Effect.void)),
    Layer.provide(signals),
    Layer.provide(telemetry(config, instance, "engine"))
  )

/** The ports on the servers of these settings, for commands that only look. */
export const pipelineInfra = (
  config: AppConfigValues,
  say: (line: string) => Effect.Effect<void>
): Layer.Layer<AuditStore | EventLog | RelayStore | StreamView, InfraFailure> => serverInfra(config, say)

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

const http = (config: AppConfigValues, draining: { readonly now: boolean }) =>
  Layer.unwrap(
    Effect.map(ServerUrls, (urls) => httpWith(config, { config, draining, checks: checksOfServers(config, urls) }))
  )

const httpWith = (config: AppConfigValues, options: HttpServer.ServerOptions) => {
  const { role } = config
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
  const begin = beginMetrics(
    handlers.map(({ name }) => name),
    ["NATS"]
  )
  return Pipeline.layer(Orders, handlers, options).pipe(
    Layer.provide(effectsLayer(config)),
    Layer.provide(Layer.effectDiscard(begin))
  )
}
