/** Downloaded servers: `~/.cache/millrace/nats-server-<version>-<platform>/nats-server`, for all projects of a user. */
import * as fs from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Clock, Config, Effect, Option } from "effect"
import { EmbeddedFailed } from "./EmbeddedError.ts"
import { attempt, makeDirectory } from "./HostFiles.ts"
import { compareVersions, parseVersion, printVersion, type ServerVersion } from "./ServerVersion.ts"

// A home directory can be shared by machines of different kinds.
const platform = `${process.platform}-${process.arch}`

const locations = Config.all({
  xdg: Config.option(Config.String("XDG_CACHE_HOME")),
  home: Config.option(Config.String("HOME"))
})

/** The first of `$XDG_CACHE_HOME`, `~/.cache` and the temporary directory that can be written. Made if absent. */
export const cacheDirectory: Effect.Effect<string, EmbeddedFailed> = Effect.gen(function* () {
  const { xdg, home } = yield* locations.pipe(Effect.orDie)
  const roots = [...Option.toArray(xdg), ...Option.toArray(home).map((directory) => join(directory, ".cache"))]
  const user = process.geteuid?.() ?? 0
  // In a shared temporary directory somebody else may have made this first, to have us run what is inside.
  const shared = privateDirectory(join(tmpdir(), `millrace-cache-${user}`), user)
  return yield* Effect.firstSuccessOf([...roots.map((root) => writable(join(root, "millrace"))), shared])
})

const writable = (directory: string): Effect.Effect<string, EmbeddedFailed> =>
  makeDirectory(directory).pipe(
    Effect.andThen(attempt(`writing to ${directory}`, () => fs.access(directory, fs.constants.W_OK))),
    Effect.as(directory)
  )

const privateDirectory = Effect.fnUntraced(function* (directory: string, user: number) {
  yield* makeDirectory(directory, 0o700)
  const stat = yield* attempt(`opening ${directory}`, () => fs.lstat(directory))
  if (stat.isDirectory() && stat.uid === user && (stat.mode & 0o022) === 0) return directory
  return yield* new EmbeddedFailed({
    doing: `using ${directory} as cache`,
    why: "somebody else can write to it",
    remedy: "set XDG_CACHE_HOME to a directory of yours"
  })
})

/** The programs in the cache that are `minimum` or newer by their directory's name, newest first. */
export const cachedServers = (cache: string, minimum: ServerVersion): Effect.Effect<ReadonlyArray<string>> =>
  Effect.promise(() => fs.readdir(cache).catch((): ReadonlyArray<string> => [])).pipe(
    Effect.map((names) =>
      names
        .filter((name) => name.startsWith("nats-server-") && name.endsWith(`-${platform}`))
        .map((name) => ({ name, version: parseVersion(name) ?? minimum }))
        .filter(({ version }) => compareVersions(version, minimum) >= 0)
        .toSorted((a, b) => compareVersions(b.version, a.version))
        .map(({ name }) => join(cache, name, "nats-server"))
    )
  )

const partPrefix = ".part-"
const workPrefix = ".work-"

const leftMillisMin = 3_600_000

const sweep = Effect.fnUntraced(function* (cache: string) {
  const now = yield* Clock.currentTimeMillis
  yield* Effect.tryPromise(async () => {
    const names = await fs.readdir(cache)
    for (const name of names.filter((name) => name.startsWith(partPrefix) || name.startsWith(workPrefix))) {
      const { mtimeMs } = await fs.stat(join(cache, name))
      if (now - mtimeMs > leftMillisMin) await fs.rm(join(cache, name), { recursive: true, force: true })
    }
  }).pipe(Effect.ignore)
})

/**
 * Puts a program into the cache and returns its path there. It is renamed in as a whole: of two processes that do this
 * at the same time one wins, and both get a complete file.
 */
export const putIntoCache = Effect.fnUntraced(function* (cache: string, program: string, version: ServerVersion) {
  const target = join(cache, `nats-server-${printVersion(version)}-${platform}`)
  const path = join(target, "nats-server")
  yield* attempt(`storing ${path}`, async () => {
    const part = await fs.mkdtemp(join(cache, partPrefix))
    await fs.copyFile(program, join(part, "nats-server"))
    await fs.chmod(join(part, "nats-server"), 0o755)
    await fs.chmod(part, 0o755)
    await fs.rename(part, target).catch(() => fs.rm(part, { recursive: true, force: true }))
    await fs.access(path, fs.constants.X_OK)
  })
  return path
})

/** A directory inside the cache for the time of a download, removed with the scope. Those of killed processes go now. */
export const workDirectory = (cache: string) =>
  Effect.acquireRelease(
    sweep(cache).pipe(
      Effect.andThen(attempt(`making a directory in ${cache}`, () => fs.mkdtemp(join(cache, workPrefix))))
    ),
    (directory) => Effect.promise(() => fs.rm(directory, { recursive: true, force: true }))
  )
