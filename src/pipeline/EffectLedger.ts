import { Context, type Duration, type Effect } from "effect"
import type { StoreUnavailable } from "./PipelineError.ts"

/**
 * Effects outside the store, by idempotency key: intended before they are made, confirmed when they were. One that is
 * intended and not confirmed may have happened: its process ended, or its answer was lost.
 */
export class EffectLedger extends Context.Service<
  EffectLedger,
  {
    /** Notes the intentions. Answers, in the order asked, what was noted before. */
    readonly intend: (
      stream: string,
      handler: string,
      idempotencyKeys: ReadonlyArray<string>
    ) => Effect.Effect<ReadonlyArray<"new" | "intended" | "confirmed">, StoreUnavailable>
    readonly confirm: (
      stream: string,
      handler: string,
      idempotencyKeys: ReadonlyArray<string>
    ) => Effect.Effect<void, StoreUnavailable>
    /** Forgets effects that were confirmed at least so long ago, some thousand at a time. Returns how many. */
    readonly forget: (
      stream: string,
      handler: string,
      olderThan: Duration.Duration
    ) => Effect.Effect<number, StoreUnavailable>
  }
>()("millrace/pipeline/EffectLedger") {}
