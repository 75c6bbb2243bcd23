/**
 * A backup, put back: the tables in one transaction, the events that only the stream had as rows which the relay keeps.
 * The stream itself is not written: a relay that finds another stream than its tables know turns every cursor back, and
 * publishes what is kept again, each key in its order, behind its own fence. What a handler has behind it comes twice and is
 * dropped by the progress of its key. That is the way of a stream that was lost, which is rehearsed; there is no second one.
 */
import { Effect, type FileSystem, Option, Stream } from "effect"
import { BackupStore, type RestoreTarget, StreamRemoval } from "../../pipeline/BackupStore.ts"
import { EventLog } from "../../pipeline/EventLog.ts"
import { isStreamMissing } from "../../pipeline/RelayDecision.ts"
import { readEvents, readManifest, readRows, verifyFiles } from "./backupFiles.ts"
import { BackupSchema } from "./BackupSchema.ts"
import { type BackupRefused, type Manifest, refuse } from "./Manifest.ts"
import { refusalOf } from "./restoreRefusals.ts"

/** How a backup is put back. */
export interface RestoreOptions {
  readonly folder: string
  /** Takes away what is there. */
  readonly force: boolean
  readonly dryRun: boolean
  readonly onProgress: (line: string) => Effect.Effect<void>
}

/** What was, or would be, put back. */
export interface Restored {
  readonly takenAt: string
  readonly dryRun: boolean
  readonly tables: number
  readonly rows: number
  /** That are published again, at least. */
  readonly events: number
  /** Tables whose rows were taken away. */
  readonly replaced: ReadonlyArray<string>
  readonly streamsRemoved: ReadonlyArray<string>
}

/** Puts it back, or refuses to with everything as it was. */
export const restoreBackup = Effect.fnUntraced(function* (options: RestoreOptions) {
  const { dryRun, folder, force, onProgress } = options
  const store = yield* BackupStore
  const schema = yield* BackupSchema
  const manifest = yield* readManifest(folder)
  yield* verifyFiles(folder, manifest, ({ file }) => onProgress(`checking ${file}`))
  const check = (target: RestoreTarget) =>
    Option.match(refusalOf(manifest, schema.migrations, target, force), {
      onNone: () => Effect.void,
      onSome: (why) => Effect.fail(refuse(why))
    })
  const target = yield* store.target
  yield* check(target)
  const streamsRemoved = yield* streamsInTheWay(manifest, force)
  const restored = restoredOf(manifest, { dryRun, streamsRemoved, replaced: target.filled.map(({ name }) => name) })
  if (dryRun) return restored
  yield* schema.migrate.pipe(Effect.mapError(({ message }) => refuse(`the tables cannot be made: ${message}`)))
  yield* load(options, manifest, check, streamsRemoved)
  return restored
})

const restoredOf = (manifest: Manifest, rest: Pick<Restored, "dryRun" | "replaced" | "streamsRemoved">): Restored => ({
  takenAt: manifest.takenAt,
  tables: manifest.tables.length,
  rows: manifest.tables.reduce((sum, { rows }) => sum + rows, 0),
  events: manifest.streams.reduce((sum, { events }) => sum + events.rows, 0),
  ...rest
})

/** Streams that have, or had, something in them. Its events may be of what the backup does not know. */
const streamsInTheWay = Effect.fnUntraced(function* (manifest: Manifest, force: boolean) {
  const log = yield* EventLog
  const found = yield* Effect.forEach(manifest.streams, ({ name }) =>
    log.info(name).pipe(
      Effect.map(({ lastSeq }) => (lastSeq > 0 ? [{ name, lastSeq }] : [])),
      Effect.catchIf(isStreamMissing, () => Effect.succeed([]))
    )
  )
  const filled = found.flat()
  if (filled.length === 0 || force) return filled.map(({ name }) => name)
  const named = filled.map(({ lastSeq, name }) => `${name} (${lastSeq} events)`).join(", ")
  return yield* refuse(
    `NATS has the stream already: ${named}. Its events may be newer than the backup. --force deletes it, and what only it has is lost`
  )
})

const load = Effect.fnUntraced(function* (
  { folder, force, onProgress }: RestoreOptions,
  manifest: Manifest,
  check: (target: RestoreTarget) => Effect.Effect<void, BackupRefused>,
  streamsRemoved: ReadonlyArray<string>
) {
  const store = yield* BackupStore
  const removal = yield* StreamRemoval
  const files = yield* Effect.context<FileSystem.FileSystem>()
  const counted = <A, E>(what: string, some: Stream.Stream<ReadonlyArray<A>, E, FileSystem.FileSystem>) => {
    let done = 0
    return some.pipe(
      Stream.tap((chunk) => onProgress(`${what}: ${(done += chunk.length)}`)),
      Stream.provideContext(files)
    )
  }
  return yield* store.load({
    check,
    replaces: force,
    tables: manifest.tables.map((table) => ({
      table,
      sum: table,
      rows: counted(table.name, readRows(folder, table))
    })),
    counters: manifest.counters,
    events: manifest.streams.map(({ events, name }) => ({
      stream: name,
      events: counted(`stream ${name}`, readEvents(folder, events))
    })),
    // Before the tables are there for everybody: with them, a stream that is ahead would be taken for theirs.
    beforeCommit: Effect.forEach(streamsRemoved, (name) => removal.remove(name), { discard: true }).pipe(
      Effect.mapError(({ message }) => refuse(message))
    )
  })
})
