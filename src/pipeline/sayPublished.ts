import { Clock, Effect } from "effect"
import type { Leader } from "./Leader.ts"
import { signal } from "./Signals.ts"

/** Says that a batch of so many events is in the stream, up to the leader's last sequence. */
export const sayPublished = (leader: Leader, events: number, beganMs: number): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
    signal({
      _tag: "BatchPublished",
      stream: leader.declaration.name,
      events,
      tookMs: nowMs - beganMs,
      lastSeq: leader.lastSeq
    })
  )
