/**
 * A second domain: what devices report. It shares nothing with the orders but the library, which it uses as an
 * application outside of this repository would, with its own events, key, tables, client and schema.
 */
import { PgClient } from "@effect/sql-pg"
import { Data, Duration, Effect, Layer, Redacted, Schema } from "effect"
import { Event, EventStream, Handler, RetryPolicy } from "millrace"
import * as NatsPipeline from "millrace/nats"
import * as PgPipeline from "millrace/postgres"
import { appendFileSync, existsSync } from "node:fs"

const Device = Schema.Struct({ site: Schema.String, serial: Schema.Int })
const Installed = Schema.TaggedStruct("Installed", { device: Device, place: Schema.String })
const Measured1 = Schema.TaggedStruct("Measured", { device: Device, fahrenheit: Schema.Finite })
const Measured2 = Schema.TaggedStruct("Measured", { device: Device, celsius: Schema.Finite })
const Removed = Schema.TaggedStruct("Removed", { device: Device })

/** A device, whose reports stay in order. */
export type Device = typeof Device.Type

/** Its key is made of two fields, and has what subjects and SQL make much of. */
export const keyOf = ({ serial, site }: Device) => `${site}.*'#${serial}`

/** What is reported, as of today: temperatures were in Fahrenheit once. */
export const Telemetry = EventStream.make("telemetry", {
  subject: "device",
  events: {
    installed: Installed,
    measured: Event.versions(Measured1).next(Measured2, ({ device, fahrenheit }) =>
      Measured2.make({ device, celsius: ((fahrenheit - 32) * 5) / 9 })
    ),
    removed: Removed
  },
  key: (event) => keyOf(event.device)
})

/** The same as the program before wrote it. */
const TelemetryBefore = EventStream.make("telemetry", {
  subject: "device",
  events: { installed: Installed, measured: Measured1, removed: Removed },
  key: (event) => keyOf(event.device)
})

/** Where the library's tables of this application are. */
export const telemetrySchema = "device_events"

/** What an instance is started with. */
export interface TelemetryOptions {
  readonly databaseUrl: Redacted.Redacted
  readonly natsUrl: Redacted.Redacted
  /** What is written outside, a line each. */
  readonly warningsFile: string
  /** Once it is there, warnings of every device can be written. */
  readonly mendedFile: string
}

/** The application's own tables. */
export const telemetryTables = [
  "CREATE TABLE device_report (site text NOT NULL, serial int NOT NULL, key text NOT NULL, events int NOT NULL)",
  "CREATE TABLE reading (at bigserial PRIMARY KEY, key text NOT NULL, version int NOT NULL, event_id text NOT NULL, celsius float8)",
  "CREATE TABLE tally (at bigserial PRIMARY KEY, key text NOT NULL, version int NOT NULL, event_id text NOT NULL)"
]

/** Warnings of devices of this site cannot be written until somebody mends it. */
export const brokenSite = "attic"

class NoWarning extends Data.TaggedError("NoWarning")<{ readonly site: string }> {}

const retry = RetryPolicy.retryPolicy({
  attemptsMax: 2,
  delayMax: Duration.seconds(1),
  attemptTimeout: Duration.seconds(5)
})

/** In the transaction of its commit, in order. */
const readings = Handler.transactional(Telemetry, "readings", {}, ({ event, eventId, key, version }) =>
  Effect.flatMap(PgClient.PgClient, (sql) => {
    const celsius = event._tag === "Measured" ? event.celsius : null
    return sql`INSERT INTO reading ${sql.insert({ key, version, event_id: eventId, celsius })}`
  })
)

/** In the transaction of its commit, by whichever instance, in any order. */
const tally = Handler.balanced(
  Handler.transactional(Telemetry, "tally", {}, ({ eventId, key, version }) =>
    Effect.flatMap(
      PgClient.PgClient,
      (sql) => sql`INSERT INTO tally ${sql.insert({ key, version, event_id: eventId })}`
    )
  )
)

/** Outside, in order, and perhaps more than once. */
const warnings = ({ mendedFile, warningsFile }: TelemetryOptions) =>
  Handler.external(Telemetry, "warnings", { retry }, ({ event, eventId, key, version }) =>
    event.device.site === brokenSite && !existsSync(mendedFile)
      ? Effect.fail(new NoWarning({ site: brokenSite }))
      : Effect.sync(() => appendFileSync(warningsFile, `${JSON.stringify({ eventId, key, version })}\n`))
  )

/** All handlers there are. */
export const telemetryHandlers = (options: TelemetryOptions) => [readings, tally, warnings(options)] as const

const client = (url: Redacted.Redacted) =>
  PgClient.layer({ url, startupParameters: PgPipeline.sessionParameters, maxConnections: 6 })

/** The library's ports on the application's own client. */
export const telemetryPorts = ({ databaseUrl, natsUrl }: Pick<TelemetryOptions, "databaseUrl" | "natsUrl">) =>
  PgPipeline.layerFrom({ schema: telemetrySchema }).pipe(
    Layer.provideMerge(NatsPipeline.layer({ url: natsUrl, name: "telemetry", maxBytes: 50_000_000 })),
    Layer.provideMerge(client(databaseUrl))
  )

/** A report of a device: it is installed, measures a few times, and perhaps is removed. */
export interface Report {
  readonly device: Device
  readonly measures: number
  /** By the program before, which measured in Fahrenheit. */
  readonly isOld: boolean
  /** Something goes wrong in the end, and nothing of it has happened. */
  readonly isLost: boolean
}

/** What the warmest of its measures is. */
export const celsiusMax = 100

const appended = ({ device, isOld, measures }: Report) => {
  const installed = Installed.make({ device, place: `hall ${measures}` })
  const removed = measures % 3 === 0 ? [Removed.make({ device })] : []
  const each = <A>(make: () => A) => Array.from({ length: measures }, make)
  return isOld
    ? TelemetryBefore.append([installed, ...each(() => Measured1.make({ device, fahrenheit: 212 })), ...removed])
    : Telemetry.append([installed, ...each(() => Measured2.make({ device, celsius: celsiusMax })), ...removed])
}

/** The application's own row and the events, in one transaction of the application's own client. */
export const report = Effect.fnUntraced(function* (one: Report) {
  const sql = yield* PgClient.PgClient
  yield* sql.withTransaction(
    Effect.gen(function* () {
      const events = yield* appended(one)
      yield* sql`INSERT INTO device_report ${sql.insert({ ...one.device, key: keyOf(one.device), events: events.length })}`
      if (one.isLost) return yield* new NoWarning({ site: one.device.site })
    })
  )
})
