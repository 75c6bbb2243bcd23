/**
 * A real Postgres 18 for one laptop: on 127.0.0.1 only, with a password of its own, as an unprivileged user when we are
 * root. What is committed survives SIGKILL of it, of us and of the machine, unless `durable` is false.
 */
import { join } from "node:path"
import { Effect, Redacted, type Scope } from "effect"
import type { EmbeddedError } from "./EmbeddedError.ts"
import { postgresAnswers } from "./Greeting.ts"
import { claim } from "./OwnerFile.ts"
import { locatePostgres, reachablePostgres } from "./PostgresBinaries.ts"
import { dataOf, ensureCluster, type PostgresCluster, postgresName, programOf } from "./PostgresCluster.ts"
import { postgresHome, postgresUser } from "./PostgresUser.ts"
import { openDataDir, progressOf, refuseWindows, type ServerOptions } from "./ServerOptions.ts"
import { type ServerHandle, superviseServer } from "./SupervisedServer.ts"

/** `dataDir` gets a folder `postgres`, or a link of that name. */
export interface PostgresOptions extends ServerOptions {
  /** Default true. False leaves out fsync and full page writes, for data that may be lost with the machine. */
  readonly durable?: boolean
}

/** `url` is `postgresql://millrace:<password>@127.0.0.1:<port>/millrace`. */
export interface PostgresServer extends ServerHandle {
  readonly url: Redacted.Redacted<string>
}

/** Starts it, making its data on the first time, and returns once it answers. It stops with the scope. */
export const startPostgres: (options: PostgresOptions) => Effect.Effect<PostgresServer, EmbeddedError, Scope.Scope> =
  Effect.fnUntraced(function* (options: PostgresOptions) {
    yield* refuseWindows("DATABASE_URL")
    const onProgress = progressOf(options)
    const dataDir = yield* openDataDir(options.dataDir)
    yield* claim(join(dataDir, "postgres.owner"))
    const runAs = yield* postgresUser(join(dataDir, "postgres"))
    const home = yield* postgresHome(dataDir, runAs)
    if (!home.startsWith(dataDir)) yield* onProgress(`Postgres keeps its data in ${home}`)
    const native = yield* reachablePostgres(yield* locatePostgres, runAs)
    const cluster = { native, home, runAs, durable: options.durable ?? true }
    const password = yield* ensureCluster(cluster)
    const server = yield* superviseServer(recipeOf(cluster), { supervise: options.supervise ?? true, onProgress })
    const login = `${postgresName}:${Redacted.value(password)}`
    return { ...server, url: Redacted.make(`postgresql://${login}@127.0.0.1:${server.port}/${postgresName}`) }
  })

const recipeOf = (cluster: PostgresCluster) => ({
  name: "postgres",
  directory: cluster.home,
  // Fast shutdown: open transactions are rolled back, connections closed.
  stopSignal: "INT" as const,
  runAs: cluster.runAs,
  prepare: () => Effect.void,
  command: (port: number) => [
    programOf(cluster, "postgres"),
    "-D",
    dataOf(cluster),
    ...Object.entries(settings(cluster, port)).flatMap(([name, value]) => ["-c", `${name}=${value}`])
  ],
  isReady: (port: number) => postgresAnswers(port, postgresName, postgresName)
})

const settings = (cluster: PostgresCluster, port: number): Record<string, string | number> => ({
  listen_addresses: "127.0.0.1",
  port,
  // A path to a socket may have 107 bytes at most, a data directory may be deeper than that.
  unix_socket_directories: "",
  max_connections: 100,
  shared_buffers: "128MB",
  timezone: "UTC",
  log_timezone: "UTC",
  ...(cluster.durable ? {} : { fsync: "off", synchronous_commit: "off", full_page_writes: "off" })
})
