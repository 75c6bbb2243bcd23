import { Context, Effect, Layer, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { SecureRandom } from "effect/crypto"
import { HttpServer } from "effect/http"
import { hostname } from "node:os"
import { type AppConfigValues, rawConfig, readConfig, settingLines } from "../AppConfig.ts"
import { roleNames } from "../settingSchemas.ts"
import { appLayer } from "../AppLayer.ts"
import { ServerAddresses } from "../InfraLayer.ts"
import { Engine } from "../engine/Engine.ts"
import { appVersion } from "../version.ts"
import { CommandFailed, exitCode, ExitWith } from "./exitCodes.ts"
import { drainOnSignal } from "./interruption.ts"
import { say } from "./Output.ts"
import { showStatus } from "./pipelineStatus.ts"
import { reasonOf } from "./reasonOf.ts"

const flagOfSetting = ({ doc, env, fallback, flag }: (typeof settingLines)[number]) =>
  Flag.String(flag).pipe(
    Flag.withMetavar(env),
    Flag.withDescription(`${doc} (${env}${fallback === "" ? "" : `, default ${fallback}`})`),
    Flag.optional
  )

/** Every setting as a flag. */
export const settingFlags = Object.fromEntries(settingLines.map((line) => [line.name, flagOfSetting(line)]))

/** The settings as flags and environment give them; a bad one ends the command with one clear line each. */
export const configFrom = (flags: GivenFlags) =>
  readConfig(rawFrom(flags), {}).pipe(
    Effect.mapError((error) => new CommandFailed({ message: error.message, code: exitCode.usage }))
  )

type GivenFlags = Readonly<Record<string, Option.Option<string>>>

const rawFrom = (flags: GivenFlags) =>
  rawConfig(
    Object.fromEntries(Object.entries(flags).map(([name, value]) => [name, Option.getOrUndefined(value)])),
    process.env
  )

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
    if (memory && config.role.length < roleNames.length) return yield* rolesApart
    return yield* run(config, rawFrom(settings), memory).pipe(Effect.scoped)
  })
).pipe(
  Command.withDescription(
    "Relay, workers and API in one process. Starts a Postgres and a nats-server of its own unless DATABASE_URL and NATS_URL name others. The first Ctrl-C drains, the second stops."
  ),
  Command.withShortDescription("Relay, workers and API in one process"),
  Command.withExamples([
    { command: "pnpm start pipeline", description: "On http://127.0.0.1:8080, with servers of its own" },
    { command: "pnpm start pipeline --memory --port 8081", description: "Without any server" }
  ])
)

const rolesApart = Effect.fail(
  new CommandFailed({
    message: "--memory keeps everything in one process, so it cannot be split with --role",
    code: exitCode.usage
  })
)

const run = Effect.fnUntraced(function* (
  config: AppConfigValues,
  settings: Readonly<Record<string, string>>,
  memory: boolean
) {
  const startedMs = performance.now()
  const id = yield* Effect.sync(() => SecureRandom.uuidV7Unsafe())
  const instance = { id, host: hostname(), version: appVersion, roles: config.role }
  const draining = { now: false }
  const begin = Effect.sync(() => (draining.now = true))
  const stopping = say("stopping: finishing what is in hand; press Ctrl-C again to stop at once")
  yield* drainOnSignal(Effect.andThen(begin, stopping))
  const state = { started: false }
  yield* Effect.addFinalizer(() => (state.started ? say("stopped") : Effect.void))
  const services = yield* Layer.build(appLayer(config, { settings, memory, instance, draining, say })).pipe(
    Effect.mapError(
      (error) => new CommandFailed({ message: `cannot start: ${reasonOf(error)}`, code: exitCode.failure })
    )
  )
  state.started = true
  yield* announce(startedMs, config.role).pipe(Effect.provideContext(services))
  yield* showStatus.pipe(Effect.provideContext(services))
  const { ended } = Context.get(services, Engine)
  // Without `begin`, answers on kept connections would hold a process that does half of its work for a whole drain.
  return yield* Effect.catch(ended, (error) =>
    say(error.message).pipe(Effect.andThen(begin), Effect.andThen(new ExitWith({ code: exitCode.failure })))
  )
})

const announce = Effect.fnUntraced(function* (startedMs: number, roles: ReadonlyArray<string>) {
  const { nats, postgres } = yield* ServerAddresses
  const { instanceId, partitions } = yield* Engine
  const server = yield* Effect.serviceOption(HttpServer.HttpServer)
  const urls = Option.toArray(Option.map(server, ({ address }) => HttpServer.formatAddress(address)))
  yield* say(
    [
      `millrace ${appVersion}`,
      `  postgres    ${postgres}`,
      `  nats        ${nats}`,
      ...urls.map((url) =>
        roles.includes("api") ? `  api         ${url}   documents at ${url}/docs` : `  health      ${url}/health`
      ),
      ...urls.map((url) => `  console     ${url}/console`),
      `  partitions  ${partitions}, instance ${instanceId}`,
      ...(roles.length < roleNames.length ? [`  roles       ${roles.join(", ")}`] : []),
      `ready in ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`
    ].join("\n")
  )
})
