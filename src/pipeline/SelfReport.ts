import { Context } from "effect"

/** A partition in hand, as its worker knows it. */
export interface PartitionStatus {
  readonly handler: string
  readonly partition: number
  /** Events taken in and not committed. */
  readonly inHand: number
  /** Of the oldest of them, in milliseconds since 1970; undefined when there is none. */
  readonly oldestAppendedAtMs: number | undefined
  /** Keys of events in hand, of the oldest first. */
  readonly oldestKeys: (keysMax: number) => ReadonlyArray<string>
}

/** What an instance has in hand. */
export interface InstanceStatus {
  readonly nowMs: number
  readonly partitions: ReadonlyArray<PartitionStatus>
  /** Events of balanced handlers in hand, by handler. */
  readonly balanced: ReadonlyMap<string, number>
  readonly draining: boolean
}

/**
 * What an instance says of itself with each beat of its heart: text that only the operations surface reads. Undefined:
 * nothing new. Nothing is said unless somebody provides it.
 */
export const SelfReport = Context.Reference<(status: InstanceStatus) => string | undefined>(
  "millrace/pipeline/SelfReport",
  { defaultValue: () => () => undefined }
)

/** Longest report that is kept; a longer one is left out, so that it cannot be in the way of the beat. */
export const reportMaxChars = 262_144
