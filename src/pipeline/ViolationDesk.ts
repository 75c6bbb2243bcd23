import { Context, type Effect } from "effect"
import type { Actor } from "./ParkingDesk.ts"
import type { StoreUnavailable } from "./PipelineError.ts"

/** That somebody has looked into a violation: who, when, why. */
export interface Acknowledgement extends Actor {
  readonly atMs: number
}

/** An order violation as it is kept, for ever. */
export interface RecordedViolation {
  /** Rises with every one that is recorded. */
  readonly id: number
  readonly handler: string
  readonly key: string
  /** What the handler had of the key, and what it was given. */
  readonly handledVersion: number
  readonly version: number
  readonly seenAtMs: number
  /** Events of this key that the handler has put aside now; acknowledging does nothing to them. */
  readonly parkedEvents: number
  /** Undefined: it is open. */
  readonly acknowledged: Acknowledgement | undefined
}

/** Which violations are meant. What is left out does not narrow. */
export interface ViolationFilter {
  readonly handler?: string | undefined
  readonly key?: string | undefined
  /** Only those that nobody has acknowledged. */
  readonly isOpen?: boolean | undefined
}

/** The violations of one key, up to one of them: what came later was not looked at. */
export interface ViolationName {
  readonly handler: string
  readonly key: string
  readonly upToId?: number | undefined
}

/**
 * Order violations, for people. A violation stays on record for ever; acknowledging it says that somebody has looked into it, and
 * from then on it no longer counts for the alert, the doctor, the verdict and the audit. The next one of the same key does.
 *
 * Guarantees: who acknowledged it is written with the entry of `ControlDesk.operations` in one transaction, once: what was
 * acknowledged before keeps its name. The key is left as it is: its parked events wait for an act of their own.
 */
export class ViolationDesk extends Context.Service<
  ViolationDesk,
  {
    /** The newest first. */
    readonly list: (
      stream: string,
      filter: ViolationFilter,
      limit: number
    ) => Effect.Effect<ReadonlyArray<RecordedViolation>, StoreUnavailable>
    /** How many the filter means. */
    readonly count: (stream: string, filter: ViolationFilter) => Effect.Effect<number, StoreUnavailable>
    /** How many were open, and are acknowledged now. */
    readonly acknowledge: (stream: string, name: ViolationName, by: Actor) => Effect.Effect<number, StoreUnavailable>
  }
>()("millrace/pipeline/ViolationDesk") {}

/** What is on record of an acknowledgement beyond its act. */
export const acknowledgedText = (count: number): string => (count === 1 ? "1 violation" : `${count} violations`)
