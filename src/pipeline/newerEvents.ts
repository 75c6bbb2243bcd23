import { type FailedAttempt, type ParkReason, reasonWithoutAttempt } from "./Parked.ts"
import type { Unreadable } from "./PipelineError.ts"

/** How often an event of a newer version is looked at again: for about a quarter of an hour, longer than a rolling deploy. */
export const newerTriesMax = 20

const newerWaitMaxMs = 60_000

/** Why an event that cannot be read is put aside. One of a newer version waits for an instance that can read it. */
export const reasonUnreadable = (error: Unreadable): ParkReason => ({
  ...reasonWithoutAttempt(error._tag, error.message),
  retryInMs: readableInMs(error, [])
})

/** When it is looked at again, perhaps by a newer instance; undefined: no more, somebody has to do something. */
export const readableInMs = (error: Unreadable, history: ReadonlyArray<FailedAttempt>): number | undefined => {
  const tries = history.length - withoutNewer(history).length
  if (error._tag !== "SchemaNewer" || tries >= newerTriesMax) return undefined
  return Math.min(newerWaitMaxMs, 1_000 * 2 ** tries)
}

/** The attempts of the handler: having waited for a newer instance is not held against its event. */
export const withoutNewer = (history: ReadonlyArray<FailedAttempt>): ReadonlyArray<FailedAttempt> =>
  history.filter(({ tag }) => tag !== "SchemaNewer")
