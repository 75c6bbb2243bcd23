import { Context, type Effect } from "effect"
import type { StoreUnavailable } from "./PipelineError.ts"

/** What waits in the outbox to be published; events of keys that are held back are left out. */
export interface BacklogSize {
  /** At most as many as were asked for. */
  readonly rows: number
  /** Since the oldest was appended; 0 when none waits. */
  readonly oldestMs: number
}

/** How much the relay is behind, for those who let work in. Counting takes time in proportion to `rowsMax` at most. */
export class Backlog extends Context.Service<
  Backlog,
  { readonly measure: (stream: string, rowsMax: number) => Effect.Effect<BacklogSize, StoreUnavailable> }
>()("millrace/pipeline/Backlog") {}
