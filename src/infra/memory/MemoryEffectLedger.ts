import { Clock, Duration, Effect, Layer } from "effect"
import { EffectLedger } from "../../pipeline/EffectLedger.ts"
import { MemoryState, rowKey } from "./MemoryState.ts"

/** The effect ledger in memory. */
export const layer: Layer.Layer<EffectLedger, never, MemoryState> = Layer.effect(
  EffectLedger,
  Effect.map(MemoryState, (state) =>
    EffectLedger.of({
      intend: (stream, handler, keys) =>
        Effect.map(Clock.currentTimeMillis, (intendedAtMs) => {
          const { effects } = state.of(stream)
          return keys.map((key) => {
            const at = rowKey(handler, key)
            const before = effects.get(at)
            if (before === undefined) effects.set(at, { handler, intendedAtMs, confirmedAtMs: undefined })
            if (before === undefined) return "new"
            return before.confirmedAtMs === undefined ? "intended" : "confirmed"
          })
        }),
      confirm: (stream, handler, keys) =>
        Effect.map(Clock.currentTimeMillis, (confirmedAtMs) => {
          const { effects } = state.of(stream)
          for (const at of keys.map((key) => rowKey(handler, key))) {
            const intendedAtMs = effects.get(at)?.intendedAtMs ?? confirmedAtMs
            effects.set(at, { handler, intendedAtMs, confirmedAtMs })
          }
        }),
      forget: (stream, handler, olderThan) =>
        Effect.map(Clock.currentTimeMillis, (nowMs) => {
          const { effects } = state.of(stream)
          const isOld = (atMs: number | undefined) => atMs !== undefined && atMs <= nowMs - Duration.toMillis(olderThan)
          const old = [...effects].filter(([, one]) => one.handler === handler && isOld(one.confirmedAtMs))
          for (const [at] of old) effects.delete(at)
          return old.length
        })
    })
  )
)
