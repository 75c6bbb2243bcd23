import { realpath } from "node:fs/promises"
import { resolve } from "node:path"
import { Effect } from "effect"
import { EmbeddedFailed } from "./EmbeddedError.ts"
import { attempt, makeDirectory } from "./HostFiles.ts"

/** What both servers can be told: where, and what happens when one ends. */
export interface ServerOptions {
  /** Holds everything that must survive; made if absent. One live process at a time. */
  readonly dataDir: string
  /** Start it again when it ends unasked. Default true; false for a test that kills it on purpose. */
  readonly supervise?: boolean
  /** Gets one line at a time for a person to read: sources that were tried, restarts, surprises. */
  readonly onProgress?: ((line: string) => Effect.Effect<void>) | undefined
}

/** The line goes to who asked for it, or nowhere. */
export const progressOf =
  (options: Pick<ServerOptions, "onProgress">) =>
  (line: string): Effect.Effect<void> =>
    options.onProgress?.(line) ?? Effect.void

/** Makes the directory if it is absent and returns its one true path, so that two names of it are one directory. */
export const openDataDir = (dataDir: string): Effect.Effect<string, EmbeddedFailed> =>
  Effect.andThen(
    makeDirectory(resolve(dataDir)),
    attempt(`opening ${dataDir}`, () => realpath(dataDir))
  )

/** The servers live from a POSIX shell, signals and file modes. `variable` names the way around. */
export const refuseWindows = (variable: string): Effect.Effect<void, EmbeddedFailed> =>
  process.platform === "win32"
    ? Effect.fail(
        new EmbeddedFailed({
          doing: "starting embedded servers",
          why: "they are not supported on Windows",
          remedy: `run inside WSL, run \`docker compose up\` and set ${variable}, or start with --memory`
        })
      )
    : Effect.void
