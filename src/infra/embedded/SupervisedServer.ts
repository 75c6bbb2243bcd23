/** One server on one port with one directory: started, watched, and started again when it ends unasked. */
import { join } from "node:path"
import { Clock, Effect, Option, Ref, Schedule, type Scope, Semaphore } from "effect"
import type { EmbeddedFailed } from "./EmbeddedError.ts"
import type { Guarded } from "./Guardian.ts"
import { readIfPresent, writePrivate } from "./HostFiles.ts"
import { choosePort } from "./LoopbackPort.ts"
import { giveUp, launch, logFileOf, retryWhenEnded, type ServerRecipe } from "./ServerLaunch.ts"
import { boundLog } from "./ServerLog.ts"

/** Handle of a running (or, on purpose, not running) server. Its operations wait for each other. */
export interface ServerHandle {
  /** On 127.0.0.1; the same for the life of the handle, and the same next time if it is free then. */
  readonly port: number
  /** Holds everything of this server. */
  readonly directory: string
  readonly logFile: string
  /** Of the server itself; undefined while it does not run. Another one after every start. */
  readonly pid: Effect.Effect<number | undefined>
  /** SIGKILL; returns when the process is gone. A supervised server comes back by itself. */
  readonly kill: Effect.Effect<void>
  /** Stops in good order and stays down until `start`. At most 15 s. */
  readonly stop: Effect.Effect<void>
  /** Starts again with the same port and data and waits until it answers. Does nothing when it runs. */
  readonly start: Effect.Effect<void, EmbeddedFailed>
}

/** How a server is watched. */
export interface Supervision {
  /** Start it again when it ends unasked: up to 10 times in a row, 0.25 to 5 s apart. */
  readonly supervise: boolean
  readonly onProgress: (line: string) => Effect.Effect<void>
}

interface Server extends Supervision {
  readonly recipe: ServerRecipe
  readonly scope: Scope.Scope
  readonly state: Ref.Ref<State>
  readonly alone: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

interface State {
  readonly wanted: boolean
  readonly process: Guarded | undefined
}

/** Starts the server and returns once it answers. It stops with the scope, and with this process however that ends. */
export const superviseServer = Effect.fnUntraced(function* (recipe: ServerRecipe, how: Supervision) {
  const server: Server = {
    ...how,
    recipe,
    scope: yield* Effect.scope,
    state: yield* Ref.make<State>({ wanted: true, process: undefined }),
    alone: (yield* Semaphore.make(1)).withPermit
  }
  yield* Effect.addFinalizer(() => stop(server))
  const port = yield* startSomewhere(server)
  yield* watch(server, port, 0)
  yield* Effect.forkIn(Effect.repeat(boundLog(logFileOf(recipe)), Schedule.spaced("1 minute")), server.scope)
  return handleOf(server, port)
})

const handleOf = (server: Server, port: number): ServerHandle => ({
  port,
  directory: server.recipe.directory,
  logFile: logFileOf(server.recipe),
  pid: Effect.map(running(server), (process) => process?.pid),
  kill: server.alone(Effect.flatMap(running(server), (process) => process?.kill ?? Effect.void)),
  stop: stop(server),
  start: Ref.update(server.state, (now) => ({ ...now, wanted: true })).pipe(
    Effect.andThen(startAgain(server, port)),
    Effect.flatMap((started) => (started ? watch(server, port, 0) : Effect.void))
  )
})

const stop = (server: Server): Effect.Effect<void> =>
  server.alone(
    Ref.getAndUpdate(server.state, (now) => ({ ...now, wanted: false })).pipe(
      Effect.flatMap(({ process }) => process?.stop ?? Effect.void)
    )
  )

const running = Effect.fnUntraced(function* ({ state }: Server) {
  const { process } = yield* Ref.get(state)
  return process !== undefined && (yield* process.isRunning) ? process : undefined
})

const register =
  ({ state }: Server) =>
  (process: Guarded): Effect.Effect<void> =>
    Ref.update(state, (now) => ({ ...now, process }))

/** A chosen port can be lost before the server listens on it, so every attempt chooses anew. */
const startSomewhere = Effect.fnUntraced(function* (server: Server) {
  const portFile = join(server.recipe.directory, "port")
  const last = Option.map(yield* readIfPresent(portFile), Number)
  const preferred = Option.filter(last, (port) => Number.isInteger(port) && port > 0 && port < 65_536)
  const port = yield* choosePort(Option.getOrUndefined(preferred)).pipe(
    Effect.tap((port) => launch(server.recipe, port, register(server))),
    retryWhenEnded,
    Effect.catchTag("NotReady", (error) => giveUp(server.recipe, error))
  )
  yield* writePrivate(portFile, String(port))
  return port
})

/** True when it had to be started. */
const startAgain = (server: Server, port: number): Effect.Effect<boolean, EmbeddedFailed> =>
  server.alone(
    Effect.gen(function* () {
      const { wanted } = yield* Ref.get(server.state)
      if (!wanted || (yield* running(server)) !== undefined) return false
      yield* launch(server.recipe, port, register(server)).pipe(
        retryWhenEnded,
        Effect.catchTag("NotReady", (error) => giveUp(server.recipe, error))
      )
      return true
    })
  )

const crashesMax = 10
const calmMillis = 10_000

/** Waits in the background for an unasked end; `crashes` are those right before, with less than 10 s between them. */
const watch = (server: Server, port: number, crashes: number): Effect.Effect<void> =>
  server.supervise ? Effect.asVoid(Effect.forkIn(watchOne(server, port, crashes), server.scope)) : Effect.void

const watchOne = Effect.fnUntraced(function* (server: Server, port: number, crashes: number) {
  const process = yield* running(server)
  const since = yield* Clock.currentTimeMillis
  const how = process === undefined ? "at once" : yield* process.exited
  if (!(yield* Ref.get(server.state)).wanted) return
  const inARow = (yield* Clock.currentTimeMillis) - since > calmMillis ? 1 : crashes + 1
  if (inARow > crashesMax) return yield* server.onProgress(staysDown(server, `it ended ${inARow} times in a row`))
  yield* server.onProgress(`${server.recipe.name} ended unasked (${how}); starting it again on port ${port}`)
  yield* Effect.sleep(Math.min(250 * 2 ** (inARow - 1), 5000))
  yield* startAgain(server, port).pipe(
    Effect.flatMap((started) => (started ? watch(server, port, inARow) : Effect.void)),
    Effect.catch((error) => server.onProgress(staysDown(server, error.message)))
  )
})

const staysDown = ({ recipe }: Server, why: string): string =>
  `${recipe.name} stays down, see ${logFileOf(recipe)} and restart: ${why}`
