import { Schema } from "effect"

/** The format that this version writes, and the newest it reads. */
export const backupFormat = 1

/** What the manifest is called. It is written last: without it a backup is not whole. */
export const manifestName = "manifest.json"

const File = {
  file: Schema.String.check(Schema.isPattern(/^[\w.-]+$/)),
  rows: Schema.Int,
  bytes: Schema.Int,
  sha256: Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))
}

/** A file of a backup. */
export const BackupFile = Schema.Struct(File)
export type BackupFile = typeof BackupFile.Type

/** A table, its file, and a digest of its rows in any order. `columns` are `name: type`. */
export const BackupTable = Schema.Struct({
  schema: Schema.String,
  name: Schema.String,
  columns: Schema.Array(Schema.String),
  digest: Schema.String,
  ...File
})
export type BackupTable = typeof BackupTable.Type

/**
 * A stream at the time of the backup: its position in the tables, where it ended at the broker a moment later, and the file
 * with those of its events that come back. `events.fromSeq` is the first of them; 0 when there are none.
 */
export const BackupStream = Schema.Struct({
  name: Schema.String,
  created: Schema.String,
  relaySeq: Schema.Int,
  lastSeq: Schema.Int,
  events: Schema.Struct({ fromSeq: Schema.Int, foreign: Schema.Int, ...File })
})
export type BackupStream = typeof BackupStream.Type

/** What is in a backup. */
export const Manifest = Schema.Struct({
  format: Schema.Int,
  product: Schema.String,
  takenAt: Schema.String,
  postgres: Schema.String,
  migrations: Schema.Array(Schema.Struct({ table: Schema.String, done: Schema.Array(Schema.String) })),
  tables: Schema.Array(BackupTable),
  counters: Schema.Array(Schema.Struct({ table: Schema.String, column: Schema.String, value: Schema.String })),
  streams: Schema.Array(BackupStream)
})
export type Manifest = typeof Manifest.Type

/** An event of the stream, a line each. */
export const BackupEvent = Schema.Struct({
  seq: Schema.Int,
  outboxId: Schema.Int,
  eventId: Schema.String,
  key: Schema.String,
  version: Schema.Int,
  type: Schema.String,
  traceparent: Schema.String,
  payload: Schema.String,
  partition: Schema.Int,
  storedAtMs: Schema.Int,
  payloadBytes: Schema.Int
})

/** A backup cannot be taken, read or put back. */
export class BackupRefused extends Schema.TaggedError<BackupRefused>()("BackupRefused", {
  message: Schema.String
}) {}

/** Refuses in one line, with what to do. */
export const refuse = (message: string) => new BackupRefused({ message })
