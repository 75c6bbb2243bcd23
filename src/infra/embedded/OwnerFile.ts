/**
 * One owner per directory. The owner is named by its process id and, where the system tells, its start time, so that a
 * process that was given the id of a dead owner is not taken for it.
 */
import * as fs from "node:fs/promises"
import { dirname } from "node:path"
import { Clock, Effect, Option, Schedule, Schema, type Scope } from "effect"
import { DataDirBusy, EmbeddedFailed } from "./EmbeddedError.ts"
import { attempt, makeDirectory, readIfPresent } from "./HostFiles.ts"
import { isAlive, startTicks } from "./HostProcess.ts"

const Owner = Schema.fromJsonString(Schema.Struct({ pid: Schema.Int, startTicks: Schema.String }))

/**
 * Makes this process the owner until the scope closes. A file of a dead owner is taken over. Fails with
 * `DataDirBusy`, half a second later at most, when the owner lives, be it this very process.
 */
export const claim = (path: string): Effect.Effect<void, DataDirBusy | EmbeddedFailed, Scope.Scope> =>
  Effect.acquireRelease(
    makeDirectory(dirname(path)).pipe(
      Effect.andThen(withTakeoverLock(path, takeOver(path))),
      Effect.retry({ while: (error) => error._tag === "DataDirBusy" && error.pid !== process.pid, schedule: dying })
    ),
    () => Effect.promise(() => fs.rm(path, { force: true }))
  )

/** A process that was killed a moment ago takes a moment to go. */
const dying = Schedule.spaced("100 millis").pipe(Schedule.upTo({ times: 5 }))

/** Only inside the lock: between looking at a dead owner's file and replacing it nobody else may do the same. */
const takeOver = Effect.fnUntraced(function* (path: string) {
  const owner = yield* liveOwner(path)
  if (Option.isSome(owner)) return yield* new DataDirBusy({ directory: dirname(path), pid: owner.value })
  const self = {
    pid: process.pid,
    startTicks: Option.getOrElse(yield* startTicks(process.pid), () => "")
  }
  const text = yield* Schema.encodeEffect(Owner)(self).pipe(Effect.orDie)
  yield* attempt(`writing ${path}`, async () => {
    await fs.writeFile(`${path}.new`, text)
    await fs.rename(`${path}.new`, path)
  })
})

/** The id of the process that owns the directory, while it lives. */
export const liveOwner = Effect.fnUntraced(function* (path: string) {
  const owner = yield* readIfPresent(path).pipe(
    Effect.flatMap(Effect.fromOption),
    Effect.flatMap(Schema.decodeEffect(Owner)),
    Effect.option
  )
  if (Option.isNone(owner) || !(yield* isAlive(owner.value.pid))) return Option.none<number>()
  const now = Option.getOrElse(yield* startTicks(owner.value.pid), () => owner.value.startTicks)
  return now === owner.value.startTicks ? Option.some(owner.value.pid) : Option.none<number>()
})

/** `mkdir` is the one exclusive step that every file system has. A lock this old belongs to a process that died inside. */
const withTakeoverLock = <A, E>(path: string, inside: Effect.Effect<A, E>) => {
  const lock = `${path}.lock`
  const release = Effect.promise(() => fs.rmdir(lock).catch(() => undefined))
  return Effect.acquireUseRelease(
    takeLock(lock),
    () => inside,
    () => release
  )
}

const lockMillisMax = 5000

const takeLock = (lock: string): Effect.Effect<void, EmbeddedFailed> =>
  attempt(`claiming ${dirname(lock)}`, () => fs.mkdir(lock)).pipe(
    Effect.tapError(() => dropOldLock(lock)),
    Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.upTo({ times: 150 })))
  )

const dropOldLock = Effect.fnUntraced(function* (lock: string) {
  const now = yield* Clock.currentTimeMillis
  const made = yield* Effect.promise(() =>
    fs.stat(lock).then(
      (stat) => stat.mtimeMs,
      () => now
    )
  )
  if (now - made > lockMillisMax) yield* Effect.promise(() => fs.rmdir(lock).catch(() => undefined))
})
