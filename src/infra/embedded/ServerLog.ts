/** The log file of a server, kept within bounds: at most 10 MB of it and 10 MB of what was before. */
import * as fs from "node:fs/promises"
import { Effect } from "effect"

const bytesMax = 10 * 1024 * 1024

/**
 * Moves the text to `<path>.1` once it is over 10 MB. The file stays the same one, since a running server has it open
 * for appending; lines written in between are lost.
 */
export const boundLog = (path: string): Effect.Effect<void> =>
  Effect.tryPromise(async () => {
    const { size } = await fs.stat(path)
    if (size <= bytesMax) return
    await fs.copyFile(path, `${path}.1`)
    await fs.truncate(path, 0)
  }).pipe(Effect.ignore)

/** The end of the log, for an error message: at most `lines` lines of the last 8 kB. */
export const tailLog = (path: string, lines: number): Effect.Effect<string> =>
  Effect.tryPromise(async () => {
    const file = await fs.open(path, "r")
    const { size } = await file.stat()
    const length = Math.min(size, 8192)
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length)
    await file.close()
    return buffer.toString("utf8").trim().split("\n").slice(-lines).join("\n")
  }).pipe(Effect.orElseSucceed(() => ""))
