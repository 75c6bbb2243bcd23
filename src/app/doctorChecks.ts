import { Context, Duration, Effect, Layer, Option, Redacted, type Scope } from "effect"
import { installedNatsServer } from "../infra/embedded/NatsBinary.ts"
import { locatePostgres } from "../infra/embedded/PostgresBinaries.ts"
import { natsChecks } from "../infra/nats/natsChecks.ts"
import { clientLayer } from "../infra/postgres/PgControl.ts"
import { hasTables } from "../infra/postgres/pgSchemaChecks.ts"
import { postgresChecks } from "../infra/postgres/pgChecks.ts"
import * as PgPipelineView from "../infra/postgres/PgPipelineView.ts"
import * as PgSchema from "../infra/postgres/PgSchema.ts"
import { storeChecks } from "../ops/runningChecks.ts"
import { type Check, check, ok, warning } from "../pipeline/Check.ts"
import { PipelineView } from "../pipeline/PipelineView.ts"
import type { AppConfigValues } from "./AppConfig.ts"
import { ownCommand } from "./cli/CommandName.ts"
import { dataDirCheck } from "./doctor/localChecks.ts"
import { orderMigrations, orderMigrationsTable, orderTables } from "./orders/orderMigrations.ts"
import { Orders } from "./orders/Orders.ts"

/** Where a running pipeline's servers are, embedded or not. */
export interface DoctorUrls {
  readonly databaseUrl: Redacted.Redacted
  readonly natsUrl: Redacted.Redacted
}

/** The checks of a running pipeline's servers, and of the disk of those it has itself. Without servers there are none. */
export const checksOfServers = (config: AppConfigValues, { databaseUrl, natsUrl }: DoctorUrls): ReadonlyArray<Check> =>
  Redacted.value(natsUrl) === ""
    ? []
    : [...ofPostgres(config, databaseUrl), ...ofNats(config, natsUrl), ...ofDisk(config)]

/** The checks of servers that are named, and of what the embedded ones need. */
export const checksBeforeStart = (config: AppConfigValues): ReadonlyArray<Check> => [
  ...Option.match(config.databaseUrl, { onNone: () => [embeddedPostgres], onSome: (url) => ofPostgres(config, url) }),
  ...Option.match(config.natsUrl, { onNone: () => [embeddedNats], onSome: (url) => ofNats(config, url) }),
  ...ofDisk(config)
]

/** What a named Postgres says of the pipeline's state, though none may run. Nothing before it has its tables. */
export const checksOfStore = Effect.fnUntraced(function* (
  config: AppConfigValues
): Effect.fn.Return<ReadonlyArray<Check>, never, Scope.Scope> {
  if (Option.isNone(config.databaseUrl)) return []
  const url = config.databaseUrl.value
  if (!(yield* hasTables(url, config.databaseSchema).pipe(Effect.orElseSucceed(() => false)))) return []
  const client = PgSchema.layerIn(config.databaseSchema).pipe(
    Layer.provide(clientLayer({ url, connectionsMax: 1, keepAlive: "20 seconds", pooled: true }))
  )
  const built = yield* Effect.option(Layer.build(PgPipelineView.layer.pipe(Layer.provide(client))))
  if (Option.isNone(built)) return []
  const view = Context.get(built.value, PipelineView)
  return yield* storeChecks({
    stream: Orders.name,
    backlogAgeMax: Duration.seconds(config.backlogAgeMaxSeconds),
    command: ownCommand
  }).pipe(Effect.provideService(PipelineView, view))
})

const ofPostgres = (config: AppConfigValues, url: Redacted.Redacted) =>
  postgresChecks({
    url,
    schema: config.databaseSchema,
    pooled: config.databasePooling === "transaction",
    app: { table: orderMigrationsTable, migrations: orderMigrations, tables: orderTables }
  })

const ofNats = (config: AppConfigValues, url: Redacted.Redacted) =>
  natsChecks({
    url,
    declaration: { name: Orders.name, subject: Orders.subject, partitions: config.partitions },
    replicas: config.streamReplicas,
    maxBytes: config.streamMaxBytes,
    maxAgeDays: config.streamMaxAgeDays,
    keptSeconds: config.outboxKeepSeconds,
    embedded: Option.isNone(config.natsUrl)
  })

const ofDisk = ({ dataDir, databaseUrl, natsUrl }: AppConfigValues): ReadonlyArray<Check> =>
  Option.isSome(databaseUrl) && Option.isSome(natsUrl) ? [] : [dataDirCheck(dataDir)]

const embeddedPostgres = check(
  "postgres",
  "install it with `pnpm install`, or set DATABASE_URL to a Postgres of yours",
  Effect.map(locatePostgres, ({ release }) => ok(`embedded (${release}), not running: it starts with the pipeline`))
)

const embeddedNats = check(
  "nats",
  "",
  installedNatsServer.pipe(
    Effect.map((path) => ok(`embedded (${path}), not running: it starts with the pipeline`)),
    Effect.orElseSucceed(() =>
      warning(
        "embedded, and no nats-server is here yet: the first start gets one",
        "nothing, when this machine may reach GitHub or a Debian mirror; else install one and set NATS_SERVER_BIN, or set NATS_URL"
      )
    )
  )
)
