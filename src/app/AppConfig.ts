import { Context, Effect, Result, Schema, SchemaIssue } from "effect"
import { type Setting, setting } from "./Setting.ts"
import { address, roles, roleNames, schemaName, text, whole, yesOrNo } from "./settingSchemas.ts"
import { telemetrySettings } from "./telemetry/telemetrySettings.ts"

/** Every setting there is. Help, README and validation are made from this one table. */
export const settings = {
  host: setting("HOST", text, "127.0.0.1", "Address the API listens on."),
  port: setting("PORT", whole(0, 65_535), "8080", "Port the API listens on; 0 takes a free one."),
  opsToken: setting(
    "OPS_TOKEN",
    Schema.OptionFromOptionalKey(Schema.RedactedFromValue(text.check(Schema.isMinLength(16)))),
    undefined,
    "Whoever sends it (Authorization: Bearer …) may operate; without one, only callers on this machine may."
  ),
  opsReadOnly: setting("OPS_READ_ONLY", yesOrNo, "false", "true: operators can look, and change nothing."),
  environment: setting("ENVIRONMENT", text, "local", "Shown to operators, to tell one pipeline from another."),
  role: setting(
    "ROLE",
    roles,
    roleNames.join(","),
    "What this process does: api (orders over HTTP), relay (or its standby), worker (handlers), ops (health over HTTP)."
  ),
  dataDir: setting("DATA_DIR", text, ".millrace", "Folder in which the embedded servers keep their data."),
  databaseUrl: setting(
    "DATABASE_URL",
    address(["postgres:", "postgresql:"], "postgres://user:password@host:5432/database"),
    undefined,
    "A Postgres of yours, instead of the embedded one."
  ),
  databaseSchema: setting(
    "DATABASE_SCHEMA",
    schemaName,
    "millrace",
    "Schema of the pipeline's tables; the tables of the orders are where the search path puts them."
  ),
  natsUrl: setting(
    "NATS_URL",
    address(["nats:", "tls:"], "nats://user:password@host:4222"),
    undefined,
    "A nats-server of yours (2.14 or newer, JetStream on), instead of the embedded one; several of a cluster with commas."
  ),
  smtpUrl: setting(
    "SMTP_URL",
    address(["smtp:", "smtps:"], "smtp://user:password@host:587"),
    undefined,
    "Mail server, such as smtp://user:password@host:587; without it mails are only logged."
  ),
  mailFrom: setting("MAIL_FROM", text, "Millrace <orders@millrace.example>", "Sender of the mails."),
  pushWebhookUrl: setting(
    "PUSH_WEBHOOK_URL",
    address(["http:", "https:"], "https://host/path"),
    undefined,
    "Receiver of the pushes, by POST; without it pushes are only logged."
  ),
  partitions: setting("PARTITIONS", whole(1, 1_024), "16", "Partitions of a new stream; `repartition` changes them."),
  streamReplicas: setting("STREAM_REPLICAS", whole(1, 5), "1", "Copies of the stream in a NATS cluster: 1 or 3."),
  streamMaxBytes: setting(
    "STREAM_MAX_BYTES",
    whole(1_048_576, Number.MAX_SAFE_INTEGER),
    "10737418240",
    "Size at which the stream is full and events wait in the outbox, in bytes."
  ),
  outboxKeepSeconds: setting(
    "OUTBOX_KEEP_SECONDS",
    whole(0, 86_400),
    "0",
    "How long published events are kept in Postgres, to be published again when NATS loses them; longer than its sync_interval unless that is always."
  ),
  streamMaxAgeDays: setting("STREAM_MAX_AGE_DAYS", whole(1, 3_650), "7", "How long the stream keeps events, in days."),
  databasePooling: setting(
    "DATABASE_POOLING",
    Schema.Literals(["session", "transaction"]),
    "session",
    "transaction: DATABASE_URL is a pooler that lends a session for one transaction, such as PgBouncer's transaction mode."
  ),
  databaseConnectionsMax: setting(
    "DATABASE_CONNECTIONS_MAX",
    whole(2, 1_000),
    "10",
    "Connections for commands and handlers; 3 more are kept for leases and relay."
  ),
  handlerTransactionsMax: setting(
    "HANDLER_TRANSACTIONS_MAX",
    whole(1, 1_000),
    "1",
    "Transactions at the same time of one handler, per process; more only help with more cores."
  ),
  retryAttemptsMax: setting(
    "RETRY_ATTEMPTS_MAX",
    whole(1, 1_000),
    "8",
    "Attempts of a handler at an event before its key is parked."
  ),
  retryDelayMaxSeconds: setting(
    "RETRY_DELAY_MAX_SECONDS",
    whole(1, 86_400),
    "30",
    "Longest pause between two attempts, in seconds; they start at 200 ms and double."
  ),
  attemptMaxSeconds: setting(
    "ATTEMPT_MAX_SECONDS",
    whole(1, 3_600),
    "15",
    "How long one attempt may take, in seconds."
  ),
  ackWaitSeconds: setting(
    "ACK_WAIT_SECONDS",
    whole(2, 600),
    "30",
    "Balanced handlers: how long after a crash its instance's events go to the others, in seconds."
  ),
  parkedEventsMax: setting(
    "PARKED_EVENTS_MAX",
    whole(1, 100_000_000),
    "100000",
    "Events one handler may have parked; with more it is paused until some are replayed, skipped or discarded."
  ),
  parkedEventsOfKeyMax: setting(
    "PARKED_EVENTS_OF_KEY_MAX",
    whole(1, 100_000_000),
    "10000",
    "The same for the events of one key."
  ),
  commandsWaitingMax: setting(
    "COMMANDS_WAITING_MAX",
    whole(1, 1_000_000),
    "10000",
    "Commands that may wait for a transaction; more are answered 503."
  ),
  backlogRowsMax: setting(
    "BACKLOG_ROWS_MAX",
    whole(1, 100_000_000),
    "500000",
    "Events that may wait to be published; with more, commands are answered 503 until there are fewer."
  ),
  backlogAgeMaxSeconds: setting(
    "BACKLOG_AGE_MAX_SECONDS",
    whole(1, 31_536_000),
    "3600",
    "The same for how long the oldest of them has waited, in seconds."
  ),
  commandGroupMax: setting(
    "COMMAND_GROUP_MAX",
    whole(1, 1_000),
    "500",
    "Commands that share one transaction, at most."
  ),
  bodyMaxBytes: setting(
    "HTTP_BODY_MAX_BYTES",
    whole(1_024, 67_108_864),
    "262144",
    "Largest request body, in bytes; larger ones are answered 413."
  ),
  idempotencyHours: setting(
    "IDEMPOTENCY_HOURS",
    whole(1, 8_760),
    "24",
    "How long answers are remembered for repeated commands, in hours."
  ),
  drainMaxSeconds: setting(
    "DRAIN_MAX_SECONDS",
    whole(1, 3_600),
    "20",
    "How long a stop waits for what is in hand, in seconds."
  ),
  ...telemetrySettings
} as const satisfies Readonly<Record<string, Setting<Schema.Codec<unknown, unknown>>>>

type Settings = typeof settings

/** The name of a setting. */
export type SettingName = keyof Settings

/** The settings, decoded. */
export type AppConfigValues = { readonly [Name in SettingName]: Settings[Name]["schema"]["Type"] }

/** The settings of this process. */
export class AppConfig extends Context.Service<AppConfig, AppConfigValues>()("millrace/app/AppConfig") {}

/** A setting has a value it cannot have. One line per setting: which, why, and what it may be. */
export class ConfigInvalid extends Schema.TaggedError<ConfigInvalid>()("ConfigInvalid", {
  problems: Schema.Array(Schema.String)
}) {
  override get message() {
    return this.problems.join("\n")
  }
}

// The mapped type says what `Object.fromEntries` cannot: each name keeps its own schema.
const fields = Object.fromEntries(Object.entries(settings).map(([name, one]) => [name, one.schema])) as {
  readonly [Name in SettingName]: Settings[Name]["schema"]
}

const decode = Schema.decodeUnknownResult(Schema.Struct(fields), { errors: "all" })

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

/** Raw texts by setting name, as flags give them. */
export type RawSettings = Readonly<Record<string, string | undefined>>

/** Flags before environment before defaults, as texts by setting name. */
export const rawConfig = (
  flags: RawSettings,
  environment: Readonly<Record<string, string | undefined>>
): Readonly<Record<string, string>> => {
  const raw = Object.entries(settings).flatMap(([name, { default: fallback, env }]) => {
    const value = flags[name] ?? (environment[env] === "" ? undefined : environment[env]) ?? fallback
    return value === undefined ? [] : [[name, value] as const]
  })
  return Object.fromEntries(raw)
}

/** Flags before environment before defaults; the first problem of each setting that has one. */
export const readConfig = (
  flags: RawSettings,
  environment: Readonly<Record<string, string | undefined>>
): Effect.Effect<AppConfigValues, ConfigInvalid> => {
  const values = rawConfig(flags, environment)
  return Result.match(decode(values), {
    onSuccess: (config) => Effect.succeed(config),
    onFailure: (error) => Effect.fail(new ConfigInvalid({ problems: problemsOf(issuesOf(error.issue).issues, values) }))
  })
}

interface Issue {
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined
  readonly message: string
}

const problemsOf = (issues: ReadonlyArray<Issue>, values: Readonly<Record<string, string>>): ReadonlyArray<string> => {
  const first = new Map<string, string>()
  for (const { message, path } of issues) {
    const name = String(path?.[0] ?? "")
    if (!first.has(name)) first.set(name, message)
  }
  return [...first].map(([name, message]) => problemOf(name, message, values[name] ?? ""))
}

const problemOf = (name: string, message: string, value: string): string => {
  const known: Setting<Schema.Codec<unknown, unknown>> | undefined = Object.entries(settings).find(
    ([key]) => key === name
  )?.[1]
  const shown = /_(URL|TOKEN|HEADERS)$/.test(known?.env ?? "") ? "(hidden)" : JSON.stringify(value)
  const said = message.charAt(0).toLowerCase() + message.slice(1)
  return `${known?.env ?? name} (--${flagOf(name)}) is ${shown}: ${said}. ${known?.doc ?? ""}`.trimEnd()
}

/** `databaseUrl` → `database-url`. */
export const flagOf = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** A setting as help and README show it. */
export interface SettingLine {
  readonly name: string
  readonly env: string
  readonly flag: string
  readonly fallback: string
  readonly doc: string
}

/** All settings, in the order of their table. */
export const settingLines: ReadonlyArray<SettingLine> = Object.entries(settings).map(
  ([name, { default: fallback, doc, env }]) => ({
    name,
    env,
    flag: flagOf(name),
    fallback: fallback ?? "",
    doc
  })
)
