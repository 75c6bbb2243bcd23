/**
 * nats-server from the Debian archive (sid), unpacked without root and without touching the machine's packages. Mirror
 * and keyring are the machine's own; apt keeps its lists in our directory and checks the signatures.
 */
import * as fs from "node:fs/promises"
import { join } from "node:path"
import { Effect, Option } from "effect"
import { type AptSource, archiveOf, parseDeb822, parseOneLine, printDeb822 } from "./AptSources.ts"
import { EmbeddedFailed } from "./EmbeddedError.ts"
import { runCommand } from "./HostCommand.ts"
import { attempt, readIfPresent } from "./HostFiles.ts"
import { workDirectory } from "./NatsCache.ts"

const suite = "sid"
const sourcesMax = 3

/** Downloads and unpacks the package; the program lives as long as the scope. The machine's own sources are tried in turn. */
export const debianServer = Effect.fnUntraced(function* (cache: string) {
  if (process.platform !== "linux") return yield* failed("this is not Debian")
  const release = codenameOf(Option.getOrElse(yield* readIfPresent("/etc/os-release"), () => ""))
  if (release === undefined) return yield* failed("this is not Debian")
  const archives = archiveOf(yield* machineSources, release, suite).slice(0, sourcesMax)
  if (archives.length === 0) return yield* failed("no archive of Debian is among /etc/apt/sources.list.d")
  const directory = yield* workDirectory(cache)
  return yield* Effect.firstSuccessOf(archives.map((archive) => unpackFrom(archive, directory)))
})

const codenameOf = (osRelease: string): string | undefined =>
  /^ID="?debian"?$/m.test(osRelease) ? (/^VERSION_CODENAME="?([\w-]+)"?$/m.exec(osRelease)?.[1] ?? suite) : undefined

const etc = "/etc/apt"

const machineSources: Effect.Effect<ReadonlyArray<AptSource>> = Effect.gen(function* () {
  const names = yield* Effect.promise(() => fs.readdir(`${etc}/sources.list.d`).catch((): ReadonlyArray<string> => []))
  const paths = [`${etc}/sources.list`, ...[...names].toSorted().map((name) => `${etc}/sources.list.d/${name}`)]
  const read = yield* Effect.forEach(paths, (path) =>
    Effect.map(readIfPresent(path), (text) =>
      parse(
        path,
        Option.getOrElse(text, () => "")
      )
    )
  )
  return read.flat()
})

const parse = (path: string, text: string): ReadonlyArray<AptSource> => {
  if (path.endsWith(".sources")) return parseDeb822(text)
  return path.endsWith(".list") ? parseOneLine(text) : []
}

const unpackFrom = Effect.fnUntraced(function* (archive: AptSource, directory: string) {
  const options = aptOptions(directory)
  yield* attempt(`preparing ${directory}`, async () => {
    for (const name of ["lists/partial", "cache/archives/partial", "parts", "root"]) {
      await fs.mkdir(join(directory, name), { recursive: true })
    }
    await fs.writeFile(join(directory, "archive.sources"), printDeb822(archive))
  })
  yield* runCommand({ file: "apt-get", args: [...options, "update"], cwd: directory, timeoutMillis: 120_000 })
  yield* runCommand({
    file: "apt-get",
    args: [...options, "download", "nats-server"],
    cwd: directory,
    timeoutMillis: 120_000
  })
  const names = yield* attempt(`reading ${directory}`, () => fs.readdir(directory))
  const deb = names.find((name) => name.startsWith("nats-server_") && name.endsWith(".deb"))
  if (deb === undefined) return yield* failed("apt-get downloaded nothing")
  const root = join(directory, "root")
  yield* runCommand({ file: "dpkg", args: ["-x", join(directory, deb), root], timeoutMillis: 60_000 })
  return join(root, "usr", "sbin", "nats-server")
})

const aptOptions = (directory: string): ReadonlyArray<string> =>
  Object.entries({
    "Dir::State::Lists": join(directory, "lists"),
    "Dir::Cache": join(directory, "cache"),
    "Dir::Etc::sourcelist": join(directory, "archive.sources"),
    "Dir::Etc::sourceparts": join(directory, "parts"),
    "Acquire::Languages": "none",
    "Acquire::Retries": "1",
    "Acquire::http::Timeout": "10",
    "Acquire::https::Timeout": "10",
    // A failed download of the lists is only a warning otherwise.
    "APT::Update::Error-Mode": "any",
    // Root's downloads are done by the user _apt, who cannot reach a cache in /root.
    "APT::Sandbox::User": "root"
  }).flatMap(([name, value]) => ["-o", `${name}=${value}`])

const failed = (why: string): Effect.Effect<never, EmbeddedFailed> =>
  Effect.fail(
    new EmbeddedFailed({ doing: "asking the Debian archive", why, remedy: "install nats-server in another way" })
  )
