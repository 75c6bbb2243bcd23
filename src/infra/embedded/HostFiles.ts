/** The file system of this machine, as Effects that fail with what to do next. */
import * as fs from "node:fs/promises"
import { Effect, Option, Predicate } from "effect"
import { EmbeddedFailed } from "./EmbeddedError.ts"

/** Runs `run` and fails, if it rejects, with `doing`, the reason, and a remedy that fits the error code of the system. */
export const attempt = <A>(doing: string, run: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, EmbeddedFailed> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new EmbeddedFailed({ doing, why: whyOf(cause), remedy: remedyOf(codeOf(cause)) })
  })

/** The `code` of a Node error (`ENOENT`, `EACCES`, …), or the empty string. */
export const codeOf = (cause: unknown): string =>
  Predicate.hasProperty(cause, "code") && Predicate.isString(cause.code) ? cause.code : ""

/** One line that says why. */
export const whyOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause)).trim()

const remedyOf = (code: string): string => {
  if (code === "EACCES" || code === "EPERM") return "check who owns the path and its mode, or use another --data-dir"
  if (code === "ENOSPC" || code === "EDQUOT") return "free disk space, or use another --data-dir"
  if (code === "EROFS") return "the file system is read-only: use another --data-dir"
  return "use another --data-dir, or set DATABASE_URL and NATS_URL to running servers"
}

/** The text of the file without surrounding space, or nothing when it does not exist or cannot be read. */
export const readIfPresent = (path: string): Effect.Effect<Option.Option<string>> =>
  Effect.tryPromise(() => fs.readFile(path, "utf8")).pipe(
    Effect.map((text) => text.trim()),
    Effect.option
  )

/** Writes a file that only its owner can read (0600), whatever the mode of an older one was. */
export const writePrivate = (path: string, text: string): Effect.Effect<void, EmbeddedFailed> =>
  attempt(`writing ${path}`, async () => {
    await fs.rm(path, { force: true })
    await fs.writeFile(path, text, { mode: 0o600, flag: "wx" })
  })

/** Makes the directory and its parents. An existing one is left as it is. */
export const makeDirectory = (path: string, mode = 0o755): Effect.Effect<void, EmbeddedFailed> =>
  attempt(`making the directory ${path}`, () => fs.mkdir(path, { recursive: true, mode }).then(() => undefined))

/** True when the path exists and can be reached. */
export const exists = (path: string): Effect.Effect<boolean> =>
  Effect.promise(() =>
    fs.stat(path).then(
      () => true,
      () => false
    )
  )
