/**
 * A backup, also while the pipeline runs. It loses nothing and orders nothing otherwise, because of the order in which it
 * looks: the tables first, in one snapshot, the stream behind it.
 *
 * An event is deleted from the outbox in the same statement that moves the relay's position over it. So at the moment of
 * the snapshot it is in the outbox, and thereby in the backup; or it was published before, at or below the position, and
 * is in the stream, from where it is copied unless every handler's cursor, of the same snapshot, is behind it. The stream
 * first would miss what was published between the two looks: gone from the outbox, not yet in the copy.
 */
import { Effect, Stream } from "effect"
import { BackupStore, type KnownStream, type TableShape, type TablesSnapshot } from "../../pipeline/BackupStore.ts"
import type { SeenEvent } from "../../pipeline/StreamView.ts"
import { clearFolder, makeFolder, writeLines, writeManifest } from "./backupFiles.ts"
import { copyEvents, eventsToCopy, sameStream } from "./eventsToCopy.ts"
import { backupFormat, type BackupStream, type BackupTable, type Manifest, refuse } from "./Manifest.ts"

/** How a backup is taken. */
export interface BackupOptions {
  readonly folder: string
  /** The streams that may be there. */
  readonly streams: ReadonlyArray<{ readonly name: string; readonly subject: string }>
  /** Also events that every handler has behind it, as far as the stream has them. */
  readonly history: boolean
  readonly product: string
  readonly onProgress: (line: string) => Effect.Effect<void>
}

/** Takes it, and says what is in it. A folder that has no manifest in the end is none. */
export const takeBackup = Effect.fnUntraced(function* (options: BackupOptions) {
  const { folder } = options
  yield* makeFolder(folder)
  return yield* fill(options).pipe(Effect.onError(() => clearFolder(folder)))
})

const fill = Effect.fnUntraced(function* (options: BackupOptions) {
  const store = yield* BackupStore
  const { snapshot, tables } = yield* store.snapshot((snapshot) =>
    Effect.map(
      Effect.forEach(snapshot.tables, (table) => copyTable(options, snapshot, table)),
      (copies) => ({ snapshot, tables: copies })
    )
  )
  const { counters, migrations, postgres, takenAt } = snapshot
  const streams = yield* Effect.forEach(snapshot.streams, (known) => copyStream(options, known))
  const manifest: Manifest = {
    format: backupFormat,
    product: options.product,
    takenAt,
    postgres,
    migrations,
    tables,
    counters,
    streams
  }
  yield* writeManifest(options.folder, manifest)
  return manifest
})

const copyTable = Effect.fnUntraced(function* (
  { folder, onProgress }: BackupOptions,
  snapshot: TablesSnapshot,
  table: TableShape
) {
  const { name } = table
  const sum = { rows: 0, digest: 0n }
  const lines = snapshot.rows(table).pipe(
    Stream.chunks,
    Stream.tap((rows) => {
      sum.rows += rows.length
      for (const { part } of rows) sum.digest += part
      return onProgress(`${name}: ${sum.rows} rows`)
    }),
    Stream.map((rows) => rows.map(({ line }) => line))
  )
  const file = yield* writeLines(folder, `${name.replaceAll(/[^\w.-]/g, "_")}.jsonl`, lines)
  return { ...table, digest: String(sum.digest), ...file } satisfies BackupTable
})

const copyStream = Effect.fnUntraced(function* (options: BackupOptions, known: KnownStream) {
  const { folder, history, onProgress, streams } = options
  const stream = streams.find(({ name }) => name === known.name)
  if (stream === undefined)
    return yield* refuse(`the database has a stream ${known.name}, which is not this program's: take it with its own`)
  const declaration = { ...stream, partitions: known.partitions }
  const range = yield* eventsToCopy(declaration, known, history)
  const seen = { events: 0, foreign: 0 }
  const lines = copyEvents(declaration, range).pipe(
    Stream.map((events) => {
      const ours = events.filter(isOurs)
      seen.events += ours.length
      seen.foreign += events.length - ours.length
      return ours.map((event) => JSON.stringify(event))
    }),
    Stream.tap(() => onProgress(`stream ${known.name}: ${seen.events} events`))
  )
  const file = yield* writeLines(folder, `stream.${known.name}.jsonl`, range.fromSeq === 0 ? Stream.empty : lines)
  const lastSeq = known.lastSeq === 0 ? 0 : (yield* stillThere(known, range.fromSeq)).lastSeq
  const events = { fromSeq: range.fromSeq, foreign: seen.foreign, ...file }
  return { name: known.name, created: known.created, relaySeq: known.lastSeq, lastSeq, events } satisfies BackupStream
})

/** Somebody else's message parks a key of its own wherever it is met; it is nobody's event, and not brought back. */
const isOurs = ({ outboxId }: SeenEvent) => outboxId > 0

/** While it was copied, the stream was neither made anew nor did it let go of its oldest events. */
const stillThere = Effect.fnUntraced(function* (known: KnownStream, fromSeq: number) {
  const info = yield* sameStream(known)
  if (fromSeq === 0 || info.firstSeq <= fromSeq) return info
  return yield* refuse(
    `events of the stream ${known.name} aged out while they were copied (STREAM_MAX_AGE_DAYS): take the backup again`
  )
})
