import { Effect, Layer } from "effect"
import { CrashLog } from "../../pipeline/CrashLog.ts"
import type { Claim } from "../../pipeline/Ownership.ts"
import { MemoryState, rowKey } from "./MemoryState.ts"

/** The crash log in memory: it outlives an instance, not the process. */
export const layer: Layer.Layer<CrashLog, never, MemoryState> = Layer.effect(
  CrashLog,
  Effect.map(MemoryState, (state) => {
    const of = ({ handler, partition, stream }: Claim) => {
      const { suspects } = state.of(stream)
      const at = rowKey(handler, partition)
      const mine = suspects.get(at) ?? new Map()
      suspects.set(at, mine)
      return mine
    }
    return CrashLog.of({
      read: (claim) => Effect.sync(() => [...of(claim).values()].map((one) => ({ ...one }))),
      note: (claim, events) =>
        Effect.sync(() => {
          const mine = of(claim)
          for (const { key, version } of events) {
            const one = mine.get(rowKey(key, version)) ?? { key, version, attempts: 0 }
            one.attempts += 1
            mine.set(rowKey(key, version), one)
          }
        }),
      heard: (claim, events) =>
        Effect.sync(() => {
          const mine = of(claim)
          for (const { key, version } of events) {
            const one = mine.get(rowKey(key, version))
            if (one !== undefined) one.attempts -= 1
            if (one?.attempts === 0) mine.delete(rowKey(key, version))
          }
        }),
      clear: (claim) => Effect.sync(() => of(claim).clear())
    })
  })
)
