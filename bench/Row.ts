import type { Effect, Scope } from "effect"
import type { Durability } from "./Durability.ts"
import type { BenchServers } from "./Servers.ts"

/** How much is measured. */
export interface Size {
  /** Paired runs of each row; one more before them warms up. */
  readonly runs: number
  /** What a full run's numbers of events are multiplied by. */
  readonly scale: number
}

/** Values of one figure, one per run, in the sequence in which they were measured. */
export interface Figure {
  readonly name: string
  readonly unit: string
  readonly values: ReadonlyArray<number>
}

/** A target, and whether it was reached. */
export interface Verdict {
  readonly target: string
  readonly measured: string
  readonly held: boolean
}

/** What a row came to. */
export interface Outcome {
  readonly figures: ReadonlyArray<Figure>
  /** Empty: the row has no target. */
  readonly verdicts: ReadonlyArray<Verdict>
  /** Settings that matter for it, beside those of the servers. */
  readonly settings: string
  /** Of servers of the row's own; undefined: those of the benchmark. */
  readonly durability?: Durability
}

/** One row of the benchmark. */
export interface Row {
  readonly number: number
  readonly name: string
  readonly what: string
  readonly measure: (size: Size) => Effect.Effect<Outcome, unknown, BenchServers | Scope.Scope>
}
