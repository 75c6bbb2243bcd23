/** An instance of the second domain's pipeline: relay and all handlers, until it is stopped. */
import { Effect, Layer, Redacted } from "effect"
import { Pipeline } from "millrace"
import { Telemetry, telemetryHandlers, type TelemetryOptions, telemetryPorts } from "./Telemetry.ts"

const { DATABASE_URL = "", MENDED_FILE = "", NATS_URL = "", WARNINGS_FILE = "" } = process.env

const options: TelemetryOptions = {
  databaseUrl: Redacted.make(DATABASE_URL),
  natsUrl: Redacted.make(NATS_URL),
  warningsFile: WARNINGS_FILE,
  mendedFile: MENDED_FILE
}

const pipeline = Pipeline.layer(Telemetry, [...telemetryHandlers(options)], { partitions: 8 }).pipe(
  Layer.provide(telemetryPorts(options))
)

const run = Effect.gen(function* () {
  yield* Layer.build(pipeline)
  process.stdout.write("ready\n")
  return yield* Effect.never
})

const stopped = Effect.callback<void>((resume) => {
  process.once("SIGTERM", () => resume(Effect.void))
})

await Effect.runPromise(Effect.scoped(Effect.raceFirst(run, stopped)))
process.exit(0)
