import { createHash } from "node:crypto"
import { join } from "node:path"
import { Effect, FileSystem, Schema, Stream } from "effect"
import { type BackupFile, backupFormat, BackupEvent, Manifest, manifestName, refuse } from "./Manifest.ts"

/** How much of a file is read at a time, and about how much of a table is loaded at a time. */
const readBytes = 512 * 1024

const encoder = new TextEncoder()

const failed = (path: string) => (error: { readonly message: string }) => refuse(`${path}: ${error.message}`)

/** Makes the folder, for its owner only: it holds what the database holds. One that has something in it is left alone. */
export const makeFolder = Effect.fnUntraced(function* (folder: string) {
  const files = yield* FileSystem.FileSystem
  yield* files.makeDirectory(folder, { recursive: true, mode: 0o700 }).pipe(Effect.mapError(failed(folder)))
  const there = yield* files.readDirectory(folder).pipe(Effect.mapError(failed(folder)))
  if (there.length > 0)
    return yield* refuse(`${folder} is not empty (${there[0]}); a backup goes into a folder of its own: --to`)
})

/** Empties the folder that `makeFolder` has made: half a backup is none. */
export const clearFolder = (folder: string) =>
  Effect.flatMap(FileSystem.FileSystem, (files) => Effect.ignore(files.remove(folder, { recursive: true })))

/** Writes lines as they come, and says what came to be written, once it is on the disk. */
export const writeLines = <E, R>(folder: string, name: string, lines: Stream.Stream<ReadonlyArray<string>, E, R>) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const path = join(folder, name)
    const file = yield* files.open(path, { flag: "wx", mode: 0o600 }).pipe(Effect.mapError(failed(path)))
    const hash = createHash("sha256")
    const written = { rows: 0, bytes: 0 }
    yield* Stream.runForEach(lines, (some) => {
      const bytes = encoder.encode(some.map((line) => `${line}\n`).join(""))
      hash.update(bytes)
      written.rows += some.length
      written.bytes += bytes.length
      return file.writeAll(bytes).pipe(Effect.mapError(failed(path)))
    })
    yield* file.sync.pipe(Effect.mapError(failed(path)))
    return { file: name, ...written, sha256: hash.digest("hex") } satisfies BackupFile
  }).pipe(Effect.scoped)

/** Written last. */
export const writeManifest = Effect.fnUntraced(function* (folder: string, manifest: Manifest) {
  const files = yield* FileSystem.FileSystem
  const path = join(folder, manifestName)
  const encoded = yield* Schema.encodeEffect(Manifest)(manifest).pipe(Effect.mapError(failed(path)))
  const text = JSON.stringify(encoded, null, 2)
  yield* files.writeFileString(path, `${text}\n`, { mode: 0o600 }).pipe(Effect.mapError(failed(path)))
})

const Format = Schema.fromJsonString(Schema.Struct({ format: Schema.Int }))

/** What a folder says that it holds. */
export const readManifest = Effect.fnUntraced(function* (folder: string) {
  const files = yield* FileSystem.FileSystem
  const path = join(folder, manifestName)
  const text = yield* files
    .readFileString(path)
    .pipe(Effect.mapError(() => refuse(`${folder} is not a whole backup: it has no ${manifestName} that can be read`)))
  const { format } = yield* Schema.decodeEffect(Format)(text).pipe(Effect.mapError(failed(path)))
  if (format > backupFormat)
    return yield* refuse(`${folder} has format ${format}, this version reads up to ${backupFormat}: use a newer one`)
  return yield* Schema.decodeEffect(Schema.fromJsonString(Manifest))(text).pipe(Effect.mapError(failed(path)))
})

/** Every file of a backup. */
export const filesOf = (manifest: Manifest): ReadonlyArray<BackupFile> => [
  ...manifest.tables,
  ...manifest.streams.map(({ events }) => events)
]

/** Reads every file once, and refuses the backup when one is not as it was written. */
export const verifyFiles = Effect.fnUntraced(function* (
  folder: string,
  manifest: Manifest,
  onFile: (file: BackupFile) => Effect.Effect<void>
) {
  const damaged = yield* Effect.forEach(filesOf(manifest), (file) =>
    Effect.andThen(onFile(file), damageOf(folder, file))
  )
  const named = damaged.flat()
  if (named.length > 0)
    return yield* refuse(`${folder} is damaged, nothing was touched: ${named.join("; ")}; take another backup`)
})

const damageOf = Effect.fnUntraced(function* (folder: string, { bytes, file, sha256 }: BackupFile) {
  const files = yield* FileSystem.FileSystem
  const hash = createHash("sha256")
  let read = 0
  const run = Stream.runForEach(files.stream(join(folder, file), { chunkSize: readBytes }), (part) =>
    Effect.sync(() => {
      hash.update(part)
      read += part.length
    })
  )
  const isThere = yield* Effect.isSuccess(run)
  if (!isThere) return [`${file} cannot be read`]
  if (read !== bytes) return [`${file} has ${read} bytes of ${bytes}`]
  return hash.digest("hex") === sha256 ? [] : [`${file} is not what was written (sha256)`]
})

/** A file's lines as they were, some at a time. */
const readLines = <A>(folder: string, name: string, schema: Schema.Codec<A, string>) =>
  Stream.unwrap(
    Effect.map(FileSystem.FileSystem, (files) => {
      const path = join(folder, name)
      const decode = Schema.decodeUnknownEffect(Schema.Array(schema))
      return files.stream(path, { chunkSize: readBytes }).pipe(
        Stream.decodeText(),
        Stream.splitLines,
        Stream.chunks,
        Stream.mapEffect((lines) => decode(lines)),
        Stream.mapError(failed(path))
      )
    })
  )

/** The rows of a table, as Postgres wrote them. */
export const readRows = (folder: string, { file }: BackupFile) =>
  readLines(folder, file, Schema.fromJsonString(Schema.String))

/** The events of a stream. */
export const readEvents = (folder: string, { file }: BackupFile) =>
  readLines(folder, file, Schema.fromJsonString(BackupEvent))
