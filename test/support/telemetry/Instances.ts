/** Processes of the second domain, and what they have done. */
import { Effect, Redacted, Schema } from "effect"
import { Oracle } from "millrace"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { startApp } from "../servers/AppProcess.ts"
import { eventually } from "../servers/Eventually.ts"
import type { TelemetryOptions } from "./Telemetry.ts"

const script = join(import.meta.dirname, "instance.ts")

/** One more instance, that works. It is ended with the scope. */
export const startInstance = Effect.fnUntraced(function* (options: TelemetryOptions) {
  const environment = {
    DATABASE_URL: Redacted.value(options.databaseUrl),
    NATS_URL: Redacted.value(options.natsUrl),
    WARNINGS_FILE: options.warningsFile,
    MENDED_FILE: options.mendedFile
  }
  const app = yield* startApp([], environment, script)
  yield* eventually(
    "a ready instance",
    Effect.sync(() => app.stdout().includes("ready")),
    30
  )
  return app
})

const Warning = Schema.Struct({ eventId: Schema.String, key: Schema.String, version: Schema.Int })

const decodeLine = Schema.decodeUnknownSync(Schema.fromJsonString(Warning))

/** The first warning of each event, in the order they were written. */
export const warningsIn = (file: string): ReadonlyArray<Oracle.EffectRecord> => {
  const first = new Map<string, Oracle.EffectRecord>()
  const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []
  lines.forEach((line, position) => {
    const warning = decodeLine(line)
    if (!first.has(warning.eventId)) first.set(warning.eventId, { ...warning, position })
  })
  return [...first.values()]
}
