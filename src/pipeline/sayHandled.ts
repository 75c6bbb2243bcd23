import { Clock, Effect } from "effect"
import type { StoredEvent } from "./Envelope.ts"
import { signal } from "./Signals.ts"

/** Says that these were handled, once for all of them. None: nothing is said. */
export const sayHandled = (
  handler: string,
  partition: number | undefined,
  events: ReadonlyArray<StoredEvent>,
  beganMs: number
): Effect.Effect<void> =>
  events.length === 0
    ? Effect.void
    : Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
        signal({ _tag: "BatchHandled", handler, partition, events, tookMs: nowMs - beganMs })
      )
