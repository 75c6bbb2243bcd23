import type { MemoryTables } from "../infra/memory/MemoryState.ts"
import type { AuditReport } from "../pipeline/Audit.ts"
import type { StoredRef } from "../pipeline/EventLog.ts"
import type { Made, Written } from "./Book.ts"

/** All that happened in one history, and what was wrong with it. */
export interface History {
  readonly seed: number
  /** In words; empty when every promise held. */
  readonly faults: ReadonlyArray<string>
  readonly committed: ReadonlyArray<Written>
  readonly rolledBack: ReadonlyArray<Written>
  readonly made: ReadonlyMap<string, ReadonlyArray<Made>>
  readonly tables: MemoryTables
  readonly stream: ReadonlyArray<StoredRef>
  /** What the pipeline itself says of it: once in the middle, once in the end. */
  readonly audits: ReadonlyArray<AuditReport>
  /** Whether everything committed was handled or parked in the end, and every instance could be stopped. */
  readonly settled: boolean
  readonly counts: Counts
}

/** How much happened: a history without faults proves little. */
export interface Counts {
  readonly attempts: number
  left: number
  crashed: number
  frozen: number
  tailsLost: number
  /** Processes that a handler ended. */
  ended: number
  /** Keys that somebody replayed. */
  replayed: number
}
