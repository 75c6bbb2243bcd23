/**
 * A real nats-server with JetStream for one laptop: on 127.0.0.1 only, with a password of its own. An acknowledged
 * publish survives SIGKILL of it and of us; a crash of the machine may take those of the last 2 minutes, with
 * `syncAlways` none. What consumers acknowledged may be forgotten at a SIGKILL.
 */
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { Effect, Option, type Scope } from "effect"
import type { EmbeddedError } from "./EmbeddedError.ts"
import { natsAnswers } from "./Greeting.ts"
import { makeDirectory, readIfPresent, writePrivate } from "./HostFiles.ts"
import { findNatsServer } from "./NatsBinary.ts"
import { fileStoreLimit, natsUser, printNatsConfig } from "./NatsConfig.ts"
import { claim } from "./OwnerFile.ts"
import type { ServerRecipe } from "./ServerLaunch.ts"
import { openDataDir, progressOf, refuseWindows, type ServerOptions } from "./ServerOptions.ts"
import { type ServerHandle, superviseServer } from "./SupervisedServer.ts"

/** `dataDir` gets a folder `nats`. */
export interface NatsOptions extends ServerOptions {
  /** fsync before every acknowledgement. Default false. */
  readonly syncAlways?: boolean
  /** Default 1 MB. */
  readonly payloadBytesMax?: number
}

/** `url` is `nats://millrace:<password>@127.0.0.1:<port>`; the client wants it split, see `natsLogin`. */
export interface NatsServer extends ServerHandle {
  readonly url: string
}

/** Starts it, getting the program first where it has to, and returns once it answers. It stops with the scope. */
export const startNats: (options: NatsOptions) => Effect.Effect<NatsServer, EmbeddedError, Scope.Scope> =
  Effect.fnUntraced(function* (options: NatsOptions) {
    yield* refuseWindows("NATS_URL")
    const onProgress = progressOf(options)
    const dataDir = yield* openDataDir(options.dataDir)
    yield* claim(join(dataDir, "nats.owner"))
    const program = yield* findNatsServer(onProgress)
    const directory = join(dataDir, "nats")
    yield* makeDirectory(join(directory, "store"), 0o700)
    const password = yield* ensurePassword(join(directory, "password"))
    const recipe = recipeOf(program, directory, password, options)
    const server = yield* superviseServer(recipe, { supervise: options.supervise ?? true, onProgress })
    return { ...server, url: `nats://${natsUser}:${password}@127.0.0.1:${server.port}` }
  })

const recipeOf = (program: string, directory: string, password: string, options: NatsOptions): ServerRecipe => ({
  name: "nats",
  directory,
  stopSignal: "TERM",
  runAs: undefined,
  prepare: Effect.fnUntraced(function* (port: number) {
    const storeDir = join(directory, "store")
    const config = printNatsConfig({
      port,
      password,
      storeDir,
      fileStoreBytesMax: yield* fileStoreLimit(storeDir),
      payloadBytesMax: options.payloadBytesMax ?? 1024 * 1024,
      syncAlways: options.syncAlways ?? false
    })
    yield* writePrivate(join(directory, "nats.conf"), config)
  }),
  command: () => [program, "-c", join(directory, "nats.conf")],
  isReady: natsAnswers
})

const ensurePassword = Effect.fnUntraced(function* (path: string) {
  const known = yield* readIfPresent(path)
  if (Option.isSome(known) && known.value !== "") return known.value
  const password = randomBytes(24).toString("hex")
  yield* writePrivate(path, password)
  return password
})
