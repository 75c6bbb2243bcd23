import { Clock, Effect, Layer } from "effect"
import { changed, ControlDesk, detailOf, type Operation, type Wish, wishDetail } from "../../pipeline/ControlDesk.ts"
import { MemoryState, rowKey } from "./MemoryState.ts"

const ofNothing = { handler: undefined, key: undefined, partition: undefined, instance: undefined }

/** The operator's controls in memory. */
export const layer: Layer.Layer<ControlDesk, never, MemoryState> = Layer.effect(
  ControlDesk,
  Effect.map(MemoryState, (state) =>
    ControlDesk.of({
      change: (stream, act, target, to, by) =>
        Effect.map(Clock.currentTimeMillis, (atMs) => {
          const { controls, operations } = state.of(stream)
          const before = [...controls.values()]
          const after = changed(before, target, to, { ...by, atMs })
          controls.clear()
          for (const one of after) controls.set(rowKey(one.handler ?? "", one.partition ?? -1, one.instance ?? ""), one)
          const { handler, instance, partition } = target
          operations.push({ atMs, act, ...by, handler, key: undefined, partition, instance, detail: detailOf(to) })
          return after !== before
        }),
      list: (stream) => Effect.sync(() => [...state.of(stream).controls.values()]),
      repartition: (stream, partitions, { actor, why }) =>
        Effect.map(Clock.currentTimeMillis, (atMs): Wish => {
          const { operations, relay } = state.of(stream)
          if (relay.partitions === undefined) return { _tag: "undeclared" }
          const now = relay.wanted ?? relay.partitions
          relay.wanted = partitions === relay.partitions ? undefined : partitions
          operations.push({ ...ofNothing, atMs, act: "repartition", actor, why, detail: wishDetail(partitions) })
          return { _tag: now === partitions ? "unchanged" : "wanted" }
        }),
      operations: (stream, limit) =>
        Effect.sync(() => {
          const { acts, operations } = state.of(stream)
          const parking = acts.map(({ act, actor, atMs, handler, key, version, why }): Operation => {
            const detail = version === undefined ? "" : `version ${version}`
            return { atMs, act, actor, why, handler, key, partition: undefined, instance: undefined, detail }
          })
          return [...parking, ...operations]
            .reverse()
            .sort((a, b) => b.atMs - a.atMs)
            .slice(0, limit)
        })
    })
  )
)
