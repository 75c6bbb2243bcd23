import { Clock, Effect, Layer } from "effect"
import { acknowledgedText, ViolationDesk, type ViolationFilter } from "../../pipeline/ViolationDesk.ts"
import { MemoryState, type MemoryTables, type MemoryViolation } from "./MemoryState.ts"

const meant = ({ violations }: MemoryTables, { handler, isOpen, key }: ViolationFilter) =>
  violations.filter(
    (one) =>
      (handler === undefined || one.handler === handler) &&
      (key === undefined || one.event.key === key) &&
      (isOpen !== true || one.acknowledged === undefined)
  )

/** Order violations in memory. */
export const layer: Layer.Layer<ViolationDesk, never, MemoryState> = Layer.effect(
  ViolationDesk,
  Effect.map(MemoryState, (state) =>
    ViolationDesk.of({
      list: (stream, filter, limit) =>
        Effect.sync(() => {
          const tables = state.of(stream)
          return meant(tables, filter)
            .toReversed()
            .slice(0, limit)
            .map((one) => recordedOf(tables, one))
        }),
      count: (stream, filter) => Effect.sync(() => meant(state.of(stream), filter).length),
      acknowledge: (stream, { handler, key, upToId }, { actor, why }) =>
        Effect.map(Clock.currentTimeMillis, (atMs) => {
          const tables = state.of(stream)
          const open = meant(tables, { handler, key, isOpen: true }).filter(
            (one) => idOf(tables, one) <= (upToId ?? Number.MAX_SAFE_INTEGER)
          )
          for (const one of open) one.acknowledged = { actor, why, atMs }
          if (open.length > 0)
            tables.operations.push({
              atMs,
              act: "acknowledge",
              actor,
              why,
              handler,
              key,
              partition: undefined,
              instance: undefined,
              detail: acknowledgedText(open.length)
            })
          return open.length
        })
    })
  )
)

// None is ever taken out.
const idOf = ({ violations }: MemoryTables, one: MemoryViolation) => violations.indexOf(one) + 1

const recordedOf = (tables: MemoryTables, one: MemoryViolation) => ({
  id: idOf(tables, one),
  handler: one.handler,
  key: one.event.key,
  handledVersion: one.handledVersion,
  version: one.event.version,
  seenAtMs: one.seenAtMs,
  parkedEvents: tables.parked.filter(({ event, handler }) => handler === one.handler && event.key === one.event.key)
    .length,
  acknowledged: one.acknowledged
})
