/** Throw-away servers for tests: a directory of their own, removed with everything in it when the scope closes. */
import * as fs from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer, type Scope } from "effect"
import type { EmbeddedError, EmbeddedFailed } from "./EmbeddedError.ts"
import { type EmbeddedOptions, EmbeddedServers } from "./EmbeddedServers.ts"
import { attempt } from "./HostFiles.ts"

/** An empty directory under the system's temporary one that the user who runs Postgres can enter. */
export const tempDataDir: Effect.Effect<string, EmbeddedFailed, Scope.Scope> = Effect.acquireRelease(
  attempt("making a temporary directory", async () => {
    const directory = await fs.mkdtemp(join(tmpdir(), "millrace-"))
    await fs.chmod(directory, 0o711)
    return directory
  }),
  (directory) => removeDataDir(directory)
)

/** Removes a data directory, also where Postgres had to keep its data elsewhere. Only after its servers have stopped. */
export const removeDataDir = (directory: string): Effect.Effect<void> =>
  Effect.tryPromise(async () => {
    const elsewhere = await fs.readlink(join(directory, "postgres")).catch(() => undefined)
    if (elsewhere !== undefined) await fs.rm(elsewhere, { recursive: true, force: true })
    await fs.rm(directory, { recursive: true, force: true, maxRetries: 5 })
  }).pipe(Effect.ignore)

/**
 * `EmbeddedServers` in a temporary directory: both of them, without fsync in Postgres, watched, unless told otherwise. For tests.
 *
 * ```ts
 * import { NodeServices } from "@effect/platform-node"
 * import { Layer } from "effect"
 * import { tempServers } from "millrace/embedded"
 *
 * const postgresOnly = tempServers({ nats: false }).pipe(Layer.provide(NodeServices.layer))
 * ```
 */
export const tempServers = (
  options: Partial<Omit<EmbeddedOptions, "dataDir">> = {}
): Layer.Layer<EmbeddedServers, EmbeddedError> =>
  Layer.unwrap(
    Effect.map(tempDataDir, (dataDir) =>
      EmbeddedServers.layer({ postgres: true, nats: true, durable: false, ...options, dataDir })
    )
  )
