import { Effect, Layer, Option, Predicate } from "effect"
import { Command, Flag } from "effect/cli"
import { SecureRandom } from "effect/crypto"
import { HttpServer } from "effect/http"
import { hostname } from "node:os"
import { Pipeline } from "../../pipeline/Pipeline.ts"
import { type AppConfigValues, readConfig, settingLines } from "../AppConfig.ts"
import { appLayer, ServerAddresses } from "../AppLayer.ts"
import { appVersion } from "../version.ts"
import { CommandFailed, exitCode } from "./exitCodes.ts"
import { drainOnSignal } from "./interruption.ts"
import { say } from "./Output.ts"

const flagOfSetting = ({ doc, env, fallback, flag }: (typeof settingLines)[number]) =>
  Flag.String(flag).pipe(
    Flag.withMetavar(env),
    Flag.withDescription(`${doc} (${env}${fallback === "" ? "" : `, default ${fallback}`})`),
    Flag.optional
  )

/** Every setting as a flag. */
export const settingFlags = Object.fromEntries(settingLines.map((line) => [line.name, flagOfSetting(line)]))

/** The settings as flags and environment give them; a bad one ends the command with one clear line each. */
export const configFrom = (flags: Readonly<Record<string, Option.Option<string>>>) => {
  const given = Object.fromEntries(Object.entries(flags).map(([name, value]) => [name, Option.getOrUndefined(value)]))
  return readConfig(given, process.env).pipe(
    Effect.mapError((error) => new CommandFailed({ message: error.message, code: exitCode.usage }))
  )
}

const memoryFlag = Flag.Boolean("memory").pipe(
  Flag.withDescription("No servers: everything in memory, gone when it stops"),
  Flag.withDefault(false)
)

/** `pnpm start pipeline`. */
export const pipelineCommand = Command.make(
  "pipeline",
  { memory: memoryFlag, settings: settingFlags },
  Effect.fnUntraced(function* ({ memory, settings }) {
    const config = yield* configFrom(settings)
    return yield* run(config, memory).pipe(Effect.scoped)
  })
).pipe(
  Command.withDescription(
    "Relay, workers and API in one process. Starts a Postgres and a nats-server of its own unless DATABASE_URL and NATS_URL name others. The first Ctrl-C drains, the second stops."
  ),
  Command.withExamples([
    { command: "pnpm start pipeline", description: "On http://127.0.0.1:8080, with servers of its own" },
    { command: "pnpm start pipeline --memory --port 8081", description: "Without any server" }
  ])
)

const run = Effect.fnUntraced(function* (config: AppConfigValues, memory: boolean) {
  const startedMs = performance.now()
  const instance = { id: yield* Effect.sync(() => SecureRandom.uuidV7Unsafe()), host: hostname(), version: appVersion }
  const draining = { now: false }
  const begin = Effect.sync(() => (draining.now = true))
  const stopping = say("stopping: finishing what is in hand; press Ctrl-C again to stop at once")
  yield* drainOnSignal(Effect.andThen(begin, stopping))
  const state = { started: false }
  yield* Effect.addFinalizer(() => (state.started ? say("stopped") : Effect.void))
  const services = yield* Layer.build(appLayer(config, { memory, instance, draining, say })).pipe(
    Effect.mapError(
      (error) => new CommandFailed({ message: `cannot start: ${reasonOf(error)}`, code: exitCode.failure })
    )
  )
  state.started = true
  yield* announce(startedMs).pipe(Effect.provideContext(services))
  return yield* Effect.never
})

/** The first words anybody said about it: some errors only carry their cause. */
const reasonOf = (error: unknown): string => {
  if (Predicate.hasProperty(error, "code") && error.code === "EADDRINUSE") {
    return `${error instanceof Error ? error.message : "the port is taken"}; choose another with --port, or 0 for a free one`
  }
  if (error instanceof Error && error.message !== "") return error.message
  return Predicate.hasProperty(error, "cause") ? reasonOf(error.cause) : String(error)
}

const announce = Effect.fnUntraced(function* (startedMs: number) {
  const { nats, postgres } = yield* ServerAddresses
  const pipeline = yield* Pipeline
  const { address } = yield* HttpServer.HttpServer
  const url = HttpServer.formatAddress(address)
  yield* say(
    [
      `millrace ${appVersion}`,
      `  postgres    ${postgres}`,
      `  nats        ${nats}`,
      `  api         ${url}   documents at ${url}/docs`,
      `  partitions  ${pipeline.partitions}, instance ${pipeline.instance.id}`,
      `ready in ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`
    ].join("\n")
  )
})
