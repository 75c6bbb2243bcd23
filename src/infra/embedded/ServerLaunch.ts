/**
 * Starts one server process and waits until it answers. A start waits for what an earlier process left running in the
 * same directory, so a store never has two servers.
 */
import { join } from "node:path"
import { Effect, Option, Schedule, Schema } from "effect"
import { EmbeddedFailed } from "./EmbeddedError.ts"
import { type Guarded, spawnGuarded } from "./Guardian.ts"
import type { RunAs } from "./HostCommand.ts"
import { readIfPresent } from "./HostFiles.ts"
import { commandLine, signal } from "./HostProcess.ts"
import { boundLog, tailLog } from "./ServerLog.ts"

/** What is different between the servers. */
export interface ServerRecipe {
  readonly name: string
  /** Holds everything of this server. It has to be part of `command`: by that a leftover process is known. */
  readonly directory: string
  readonly stopSignal: "INT" | "TERM"
  readonly runAs: RunAs | undefined
  /** Right before every start. */
  readonly prepare: (port: number) => Effect.Effect<void, EmbeddedFailed>
  readonly command: (port: number) => ReadonlyArray<string>
  readonly isReady: (port: number) => Effect.Effect<boolean>
}

/** It ended, or did not answer, before it was ready. Only one that ended is worth another try. */
export class NotReady extends Schema.TaggedError<NotReady>()("NotReady", {
  ended: Schema.Boolean,
  why: Schema.String
}) {}

/** Both outputs of the server, bounded by `boundLog`. */
export const logFileOf = (recipe: ServerRecipe): string => join(recipe.directory, `${recipe.name}.log`)

/** Starts the server on this port; when it answers it is handed to `register`, before anybody can interrupt. */
export const launch = Effect.fnUntraced(function* (
  recipe: ServerRecipe,
  port: number,
  register: (process: Guarded) => Effect.Effect<void>
) {
  yield* endLeftover(recipe)
  yield* boundLog(logFileOf(recipe))
  yield* recipe.prepare(port)
  const start = spawnGuarded({
    command: recipe.command(port),
    stopSignal: recipe.stopSignal,
    pidFile: pidFileOf(recipe),
    logFile: logFileOf(recipe),
    runAs: recipe.runAs
  })
  yield* Effect.uninterruptibleMask((restore) =>
    start.pipe(
      Effect.tap((process) => restore(untilReady(recipe, process, port)).pipe(Effect.onError(() => process.stop))),
      Effect.flatMap(register)
    )
  )
})

/** After a SIGKILL the last processes of a Postgres let go of its memory, and a port is given back, a moment later. */
export const retryWhenEnded = <A>(launched: Effect.Effect<A, NotReady | EmbeddedFailed>) =>
  Effect.retry(launched, {
    while: (error) => error._tag === "NotReady" && error.ended,
    schedule: Schedule.exponential("100 millis").pipe(Schedule.upTo({ times: 5 }))
  })

/** The error of a start that was given up, with the end of the server's log. */
export const giveUp = (recipe: ServerRecipe, error: NotReady): Effect.Effect<never, EmbeddedFailed> =>
  Effect.flatMap(tailLog(logFileOf(recipe), 5), (tail) =>
    Effect.fail(
      new EmbeddedFailed({
        doing: `starting ${recipe.name}`,
        why: `${error.why}; its log ends with\n${tail}\n`,
        remedy: `see ${logFileOf(recipe)}`
      })
    )
  )

const pidFileOf = (recipe: ServerRecipe): string => join(recipe.directory, `${recipe.name}.pid`)

// Long enough for the recovery of a Postgres that was killed under load.
const readySecondsMax = 60

const untilReady = (recipe: ServerRecipe, process: Guarded, port: number): Effect.Effect<void, NotReady> => {
  const ready = recipe.isReady(port).pipe(Effect.repeat({ until: (is) => is, schedule: Schedule.spaced("20 millis") }))
  const ended = Effect.flatMap(process.exited, (how) => Effect.fail(new NotReady({ ended: true, why: how })))
  const late = new NotReady({ ended: false, why: `it did not answer within ${readySecondsMax} s` })
  return Effect.raceFirst(ready, ended).pipe(
    Effect.asVoid,
    Effect.timeoutOrElse({ duration: readySecondsMax * 1000, orElse: () => Effect.fail(late) })
  )
}

const leftoverSecondsMax = 15

/** The guardian of a killed process stops its server within 8 s; should that guardian be dead too, this is its signal. */
const endLeftover = Effect.fnUntraced(function* (recipe: ServerRecipe) {
  const pid = Number(Option.getOrElse(yield* readIfPresent(pidFileOf(recipe)), () => "0"))
  if (!(yield* isOurs(recipe, pid))) return
  yield* signal(pid, `SIG${recipe.stopSignal}`)
  const gone = yield* isOurs(recipe, pid).pipe(
    Effect.repeat({ until: (ours) => !ours, schedule: Schedule.spaced("50 millis") }),
    Effect.timeoutOption(leftoverSecondsMax * 1000)
  )
  if (Option.isSome(gone)) return
  return yield* new EmbeddedFailed({
    doing: `starting ${recipe.name} in ${recipe.directory}`,
    why: `process ${pid} of an earlier run did not stop within ${leftoverSecondsMax} s`,
    remedy: `end it with \`kill -9 ${pid}\``
  })
})

/** One that has ended but was not reaped yet (a container without an init) has no command line any more. */
const isOurs = (recipe: ServerRecipe, pid: number): Effect.Effect<boolean> =>
  Number.isInteger(pid) && pid > 1
    ? Effect.map(commandLine(pid), (line) => line.includes(recipe.directory))
    : Effect.succeed(false)
