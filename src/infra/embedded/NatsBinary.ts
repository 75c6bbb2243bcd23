/** Finds a nats-server that is new enough and runs here, or gets one. A source that has one it cannot use says so. */
import { access, constants } from "node:fs/promises"
import { delimiter, join } from "node:path"
import { Config, Effect, Option, Ref, Schema } from "effect"
import { EmbeddedFailed, NatsServerMissing } from "./EmbeddedError.ts"
import { runCommand } from "./HostCommand.ts"
import { cacheDirectory, cachedServers, putIntoCache } from "./NatsCache.ts"
import { debianServer } from "./NatsFromDebian.ts"
import { releasedServer } from "./NatsRelease.ts"
import { compareVersions, parseVersion, printVersion, type ServerVersion } from "./ServerVersion.ts"

/** 2.14 brought resetting a consumer, and streams that stop on an I/O error instead of going on. */
const minimum: ServerVersion = [2, 14, 0]

/**
 * The path of a usable nats-server: `NATS_SERVER_BIN`, `PATH`, the cache, the official release, the Debian archive, in
 * this order. What is downloaded stays in the cache. Up to 4 minutes the first time, about 50 ms after that.
 */
export const findNatsServer = Effect.fnUntraced(function* (onProgress: (line: string) => Effect.Effect<void>) {
  const failures = yield* Ref.make<ReadonlyArray<string>>([])
  const explain = (source: string) => (error: EmbeddedFailed | Absent) => {
    const line = `nats-server from ${source}: ${error.why}`
    const note = Ref.update(failures, (lines) => [...lines, line])
    return error._tag === "Absent" ? note : Effect.andThen(note, onProgress(line))
  }
  const sources = [
    { name: "NATS_SERVER_BIN", find: fromVariable },
    { name: "PATH", find: fromPath },
    { name: "the cache", find: fromCache },
    { name: "the official release", find: downloaded(releasedServer, "the official release", onProgress) },
    { name: "the Debian archive", find: downloaded(debianServer, "the Debian archive", onProgress) }
  ]
  const tries = sources.map(({ name, find }) => Effect.tapError(find, explain(name)))
  const missing = Effect.flatMap(Ref.get(failures), (attempts) =>
    Effect.fail(new NatsServerMissing({ minimumVersion: printVersion(minimum), attempts }))
  )
  return yield* Effect.catch(Effect.firstSuccessOf(tries), () => missing)
})

/** Nothing is there: normal for all sources but the last, so it is told only when no other has one. */
class Absent extends Schema.TaggedError<Absent>()("Absent", { why: Schema.String }) {}

const fromVariable = Effect.gen(function* () {
  const path = yield* variable("NATS_SERVER_BIN")
  if (path === "") return yield* new Absent({ why: "it is not set" })
  return yield* usable(path)
})

const fromPath = Effect.gen(function* () {
  const directories = (yield* variable("PATH")).split(delimiter).filter((directory) => directory !== "")
  // Where Debian installs it, which is not on the PATH of ordinary users.
  const candidates = [...new Set([...directories, "/usr/sbin"])].map((directory) => join(directory, "nats-server"))
  const paths = yield* Effect.filter(candidates, isExecutable)
  if (paths.length === 0) return yield* new Absent({ why: "there is none" })
  return yield* Effect.firstSuccessOf(paths.map(usable))
})

const fromCache = Effect.gen(function* () {
  const paths = yield* cachedServers(yield* cacheDirectory, minimum)
  if (paths.length === 0) return yield* new Absent({ why: "there is none" })
  return yield* Effect.firstSuccessOf(paths.map(usable))
})

/** The path of a usable nats-server that is on this machine already. */
export const installedNatsServer = Effect.firstSuccessOf([fromVariable, fromPath, fromCache])

const downloaded = (
  get: typeof releasedServer | typeof debianServer,
  name: string,
  onProgress: (line: string) => Effect.Effect<void>
) =>
  Effect.gen(function* () {
    yield* onProgress(`getting nats-server from ${name} …`)
    const cache = yield* cacheDirectory
    const program = yield* get(cache)
    const version = yield* versionOf(program)
    yield* refuseOld(program, version)
    return yield* usable(yield* putIntoCache(cache, program, version))
  }).pipe(Effect.scoped)

/** Run, not only looked at: a program for another processor, or a mount without execution, shows here. */
const versionOf = Effect.fnUntraced(function* (path: string) {
  const { stdout } = yield* runCommand({ file: path, args: ["--version"], timeoutMillis: 10_000 })
  return parseVersion(stdout) ?? (yield* unusable(`${path} says no version`))
})

const refuseOld = (path: string, version: ServerVersion): Effect.Effect<void, EmbeddedFailed> =>
  compareVersions(version, minimum) >= 0
    ? Effect.void
    : unusable(`${path} is ${printVersion(version)}, which is too old; ${printVersion(minimum)} is needed`)

const usable = (path: string): Effect.Effect<string, EmbeddedFailed> =>
  versionOf(path).pipe(
    Effect.flatMap((version) => refuseOld(path, version)),
    Effect.as(path)
  )

const isExecutable = (path: string): Effect.Effect<boolean> =>
  Effect.promise(() =>
    access(path, constants.X_OK).then(
      () => true,
      () => false
    )
  )

const variable = (name: string): Effect.Effect<string> =>
  Config.option(Config.String(name)).pipe(Effect.map(Option.getOrElse(() => "")), Effect.orDie)

const unusable = (why: string): Effect.Effect<never, EmbeddedFailed> =>
  Effect.fail(new EmbeddedFailed({ doing: "looking for nats-server", why, remedy: "try the next source" }))
