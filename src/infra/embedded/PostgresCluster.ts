/** The files of a Postgres cluster: made once, with one user, one database and a password that only the disk knows. */
import { randomBytes } from "node:crypto"
import * as fs from "node:fs/promises"
import { join } from "node:path"
import { Effect, Option, Redacted } from "effect"
import { EmbeddedFailed } from "./EmbeddedError.ts"
import { type RunAs, runCommand } from "./HostCommand.ts"
import { attempt, readIfPresent, writePrivate } from "./HostFiles.ts"
import { commandLine, isAlive } from "./HostProcess.ts"

/** User and database are both called so. */
export const postgresName = "millrace"

const major = "18"
const unfinished = "data.new-"

/** Where the cluster lives and who runs it. `home` belongs to `runAs`. */
export interface PostgresCluster {
  readonly native: string
  readonly home: string
  readonly runAs: RunAs | undefined
  /** False leaves out fsync: faster, and lost with the machine. */
  readonly durable: boolean
}

/** The data directory proper, PGDATA. */
export const dataOf = (cluster: PostgresCluster): string => join(cluster.home, "data")

/** The port and the password of a cluster that runs; none when it does not. */
export const runningCluster = Effect.fnUntraced(function* (home: string) {
  const lock = yield* readIfPresent(join(home, "data", "postmaster.pid"))
  const password = yield* readIfPresent(passwordFile({ home }))
  // The fourth line is the port it listens at.
  return Option.map(Option.all({ lock, password }), (found) => ({
    port: Number(found.lock.split("\n")[3]),
    password: Redacted.make(found.password)
  }))
})

/** The path of `postgres`, `initdb` or `pg_ctl`. */
export const programOf = (cluster: PostgresCluster, name: string): string => join(cluster.native, "bin", name)

/** Makes the cluster unless it exists, and returns the password of the user `millrace`. An unfinished one is thrown away. */
export const ensureCluster = Effect.fnUntraced(function* (cluster: PostgresCluster) {
  const version = yield* readIfPresent(join(dataOf(cluster), "PG_VERSION"))
  if (Option.isNone(version)) return yield* makeCluster(cluster)
  if (version.value !== major) {
    return yield* unusable(cluster, `it was made by Postgres ${version.value}, this is ${major}`)
  }
  yield* dropForeignLock(cluster)
  const password = yield* readIfPresent(passwordFile(cluster))
  if (Option.isNone(password)) return yield* unusable(cluster, `${passwordFile(cluster)} is missing`)
  return Redacted.make(password.value)
})

const passwordFile = ({ home }: Pick<PostgresCluster, "home">): string => join(home, "password")

const makeCluster = Effect.fnUntraced(function* (cluster: PostgresCluster) {
  // A name of its own: after a SIGKILL of us an initdb of before may still be writing.
  const part = join(cluster.home, `${unfinished}${randomBytes(4).toString("hex")}`)
  const password = randomBytes(24).toString("hex")
  yield* attempt(`clearing ${cluster.home}`, async () => {
    const left = (await fs.readdir(cluster.home)).filter((name) => name.startsWith(unfinished))
    for (const name of left) await fs.rm(join(cluster.home, name), { recursive: true, force: true })
  })
  yield* writePrivate(passwordFile(cluster), password)
  const { runAs } = cluster
  if (runAs !== undefined) {
    yield* attempt("handing over the password", () => fs.chown(passwordFile(cluster), runAs.uid, runAs.gid))
  }
  yield* runCommand({
    file: programOf(cluster, "initdb"),
    args: initdbArguments(cluster, part),
    runAs,
    timeoutMillis: 120_000
  })
  yield* createDatabase(cluster, part)
  yield* attempt(`naming ${part}`, () => fs.rename(part, dataOf(cluster)))
  return Redacted.make(password)
})

/** Postgres' own C.UTF-8 sorts by code point on every system, whatever locales that has. */
const initdbArguments = (cluster: PostgresCluster, data: string): ReadonlyArray<string> => [
  `--pgdata=${data}`,
  `--username=${postgresName}`,
  `--pwfile=${passwordFile(cluster)}`,
  "--auth=scram-sha-256",
  "--encoding=UTF8",
  "--locale=C",
  "--locale-provider=builtin",
  "--builtin-locale=C.UTF-8",
  ...(cluster.durable ? [] : ["--no-sync"])
]

/** In single-user mode: no port, no client, and nobody else can look. Its exit code does not tell of errors. */
const createDatabase = Effect.fnUntraced(function* (cluster: PostgresCluster, data: string) {
  const { stderr } = yield* runCommand({
    file: programOf(cluster, "postgres"),
    args: ["--single", "-D", data, ...(cluster.durable ? [] : ["-F"]), "postgres"],
    runAs: cluster.runAs,
    input: `create database ${postgresName}\n`,
    timeoutMillis: 60_000
  })
  const wrong = stderr.split("\n").find((line) => /ERROR|FATAL|PANIC/.test(line))
  if (wrong !== undefined) return yield* unusable(cluster, wrong)
})

/**
 * Postgres does not start while the process named in its lock file lives, and in a container a new process soon has that
 * id. One that knows nothing of this directory is not it.
 */
const dropForeignLock = Effect.fnUntraced(function* (cluster: PostgresCluster) {
  const lock = join(dataOf(cluster), "postmaster.pid")
  const pid = Number(Option.getOrElse(yield* readIfPresent(lock), () => "0").split("\n")[0])
  if (!(pid > 0) || !(yield* isAlive(pid))) return
  if ((yield* commandLine(pid)).includes(cluster.home)) return
  yield* attempt(`removing ${lock}`, () => fs.rm(lock, { force: true }))
})

const unusable = (cluster: PostgresCluster, why: string) =>
  Effect.fail(
    new EmbeddedFailed({
      doing: `opening the Postgres data in ${cluster.home}`,
      why,
      remedy: "use another --data-dir, remove this one if its data may go, or set DATABASE_URL"
    })
  )
