import { Context, type Effect } from "effect"
import type { Claim } from "./Ownership.ts"
import type { StoreUnavailable } from "./PipelineError.ts"

/** An event that was in hand when a process may have ended, and how many attempts at it were never heard of again. */
export interface Suspect {
  readonly key: string
  readonly version: number
  readonly attempts: number
}

/**
 * Attempts that were begun in a partition whose owner before did not give it back: one of its events may be what ended
 * the process. Kept until all that was in hand then is done; in normal operation nothing is written.
 *
 * Guarantees: what was noted is there after the process has ended, whatever became of the attempt.
 */
export class CrashLog extends Context.Service<
  CrashLog,
  {
    readonly read: (claim: Claim) => Effect.Effect<ReadonlyArray<Suspect>, StoreUnavailable>
    /** Counts an attempt at each of these events, before they are made. */
    readonly note: (
      claim: Claim,
      events: ReadonlyArray<{ readonly key: string; readonly version: number }>
    ) => Effect.Effect<void, StoreUnavailable>
    /** The attempts were heard of again, whatever came of them: they are counted no more. */
    readonly heard: (
      claim: Claim,
      events: ReadonlyArray<{ readonly key: string; readonly version: number }>
    ) => Effect.Effect<void, StoreUnavailable>
    /** Nothing of the partition is under suspicion any more. */
    readonly clear: (claim: Claim) => Effect.Effect<void, StoreUnavailable>
  }
>()("millrace/pipeline/CrashLog") {}
