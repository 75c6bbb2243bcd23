import { Clock, Effect, Layer } from "effect"
import { Backlog } from "../../pipeline/Backlog.ts"
import { MemoryState } from "./MemoryState.ts"

/** The backlog in memory. */
export const layer: Layer.Layer<Backlog, never, MemoryState> = Layer.effect(
  Backlog,
  Effect.map(MemoryState, (state) =>
    Backlog.of({
      measure: (stream, rowsMax) =>
        Effect.map(Clock.currentTimeMillis, (nowMs) => {
          const { held, outbox } = state.of(stream)
          const waiting = [...outbox.values()]
            .filter(({ id, key }) => id < (held.get(key)?.fromId ?? Number.POSITIVE_INFINITY))
            .slice(0, rowsMax)
          const oldest = Math.min(nowMs, ...waiting.map(({ appendedAtMs }) => appendedAtMs ?? nowMs))
          return { rows: waiting.length, oldestMs: nowMs - oldest }
        })
    })
  )
)
