/** nats-server as its makers publish it. The archive is used only if it has the checksum of the same release. */
import { createHash } from "node:crypto"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"
import { EmbeddedFailed } from "./EmbeddedError.ts"
import { runCommand } from "./HostCommand.ts"
import { attempt, codeOf, whyOf } from "./HostFiles.ts"
import { workDirectory } from "./NatsCache.ts"

const version = "2.15.1"
const source = `https://github.com/nats-io/nats-server/releases/download/v${version}`
const connectMillisMax = 10_000
const downloadMillisMax = 120_000

const systems: Partial<Record<string, string>> = { linux: "linux", darwin: "darwin" }
const processors: Partial<Record<string, string>> = { x64: "amd64", arm64: "arm64" }

/** Downloads and unpacks the release for this machine; the program lives as long as the scope. */
export const releasedServer = Effect.fnUntraced(function* (cache: string) {
  const system = systems[process.platform]
  const processor = processors[process.arch]
  if (system === undefined || processor === undefined) {
    return yield* failed(`there is no release for ${process.platform} on ${process.arch}`)
  }
  const name = `nats-server-v${version}-${system}-${processor}`
  const directory = yield* workDirectory(cache)
  const sums = yield* download("SHA256SUMS", connectMillisMax)
  const archive = yield* download(`${name}.tar.gz`, downloadMillisMax)
  if (checksumOf(sums.toString("utf8"), `${name}.tar.gz`) !== createHash("sha256").update(archive).digest("hex")) {
    return yield* failed(`${name}.tar.gz does not have the checksum that SHA256SUMS names`)
  }
  const path = join(directory, `${name}.tar.gz`)
  yield* attempt(`writing ${path}`, () => writeFile(path, archive))
  yield* runCommand({ file: "tar", args: ["-xzf", path, "-C", directory], timeoutMillis: 60_000 })
  return join(directory, name, "nats-server")
})

/** The sum of a file in the output of `sha256sum`: `<64 hex digits>  <name>` or `… *<name>` per line. */
export const checksumOf = (sums: string, file: string): string | undefined =>
  sums
    .split("\n")
    .map((line) => /^([0-9a-f]{64})\s+\*?(\S+)\s*$/.exec(line))
    .find((found) => found?.[2] === file)?.[1]

const download = (file: string, millisMax: number): Effect.Effect<Buffer, EmbeddedFailed> =>
  Effect.gen(function* () {
    const response = yield* request(file)
    if (!response.ok) return yield* failed(`${file} was answered with status ${response.status}`)
    return Buffer.from(yield* attempt(`downloading ${file}`, () => response.arrayBuffer()))
  }).pipe(
    Effect.timeoutOrElse({
      duration: millisMax,
      orElse: () => failed(`${file} was not complete after ${millisMax / 1000} s`)
    })
  )

const request = (file: string): Effect.Effect<Response, EmbeddedFailed> =>
  Effect.tryPromise({ try: (signal) => fetch(`${source}/${file}`, { signal }), catch: causeOf }).pipe(
    Effect.timeoutOrElse({ duration: connectMillisMax, orElse: () => Effect.fail("no answer within 10 s") }),
    Effect.catch(failed)
  )

/** `fetch failed` says nothing; its cause does. */
const causeOf = (error: unknown): string => {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  return whyOf(cause) || codeOf(cause)
}

const failed = (why: string): Effect.Effect<never, EmbeddedFailed> =>
  Effect.fail(new EmbeddedFailed({ doing: `downloading ${source}`, why, remedy: "check the network" }))
