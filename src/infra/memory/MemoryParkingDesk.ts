import { Clock, Effect, Layer, Option } from "effect"
import {
  type Actor,
  actsShownMax,
  ParkingDesk,
  type ParkedFilter,
  type ParkedName
} from "../../pipeline/ParkingDesk.ts"
import type { ParkedKey, ParkingAct } from "../../pipeline/Parked.ts"
import { type MemoryParkedKey, MemoryState, type MemoryTables, rowKey } from "./MemoryState.ts"

/** The parking desk in memory: each act is one synchronous change. */
export const layer: Layer.Layer<ParkingDesk, never, MemoryState> = Layer.effect(
  ParkingDesk,
  Effect.map(MemoryState, (state) => {
    const look = <A>(stream: string, of: (tables: MemoryTables, nowMs: number) => A) =>
      Effect.map(Clock.currentTimeMillis, (nowMs) => of(state.of(stream), nowMs))

    const each = (
      stream: string,
      names: ReadonlyArray<ParkedName>,
      one: (tables: MemoryTables, parked: MemoryParkedKey, nowMs: number, i: number) => boolean
    ) =>
      look(stream, (tables, nowMs) =>
        names.map(({ handler, key }, i) => {
          const parked = tables.parkedKeys.get(rowKey(handler, key))
          return parked === undefined ? false : one(tables, parked, nowMs, i)
        })
      )

    return ParkingDesk.of({
      list: (stream, filter, keysMax, after) =>
        look(stream, (tables, nowMs) => {
          const found = matching(tables, filter, nowMs)
          const at = found.findIndex((one) => one.handler === after?.handler && one.key === after.key)
          return found.slice(at + 1, at + 1 + keysMax).map((one) => describe(tables, one))
        }),
      count: (stream, filter) => look(stream, (tables, nowMs) => matching(tables, filter, nowMs).length),
      show: (stream, { handler, key }, eventsMax) =>
        look(stream, (tables) =>
          Option.map(Option.fromUndefinedOr(tables.parkedKeys.get(rowKey(handler, key))), (parked) => ({
            parked: describe(tables, parked),
            events: eventsOf(tables, parked)
              .slice(0, eventsMax)
              .map(({ event, original }) => ({ event, original })),
            acts: tables.acts
              .filter((act) => act.handler === handler && act.key === key)
              .toReversed()
              .slice(0, actsShownMax)
          }))
        ),
      replay: (stream, names, everyMs, by) =>
        each(stream, names, (tables, parked, nowMs, i) => {
          tables.acts.push(actOf("replay", parked, by, nowMs))
          goOn(parked, nowMs + i * everyMs)
          return true
        }),
      skip: (stream, names, by) =>
        each(stream, names, (tables, parked, nowMs) => {
          const [first] = eventsOf(tables, parked)
          if (first === undefined) return false
          takeOut(tables, [first])
          const { payload, version } = first.event
          tables.acts.push({ ...actOf("skip", parked, by, nowMs), version, before: payload })
          goOn(parked, nowMs)
          return true
        }),
      discard: (stream, names, by) =>
        each(stream, names, (tables, parked, nowMs) => {
          const events = eventsOf(tables, parked)
          takeOut(tables, events)
          const acts = events.map(({ event }): ParkingAct => ({
            ...actOf("discard", parked, by, nowMs),
            version: event.version,
            before: event.payload
          }))
          tables.acts.push(...acts)
          goOn(parked, nowMs)
          return events.length > 0
        }),
      edit: (stream, { handler, key }, version, payload, by) =>
        look(stream, (tables, nowMs) => {
          const parked = tables.parkedKeys.get(rowKey(handler, key))
          const at = tables.parked.findIndex(
            (one) => one.handler === handler && one.event.key === key && one.event.version === version
          )
          const before = tables.parked[at]
          if (parked === undefined || before === undefined) return false
          const original = before.original ?? before.event.payload
          tables.parked[at] = { ...before, event: { ...before.event, payload }, original }
          const act = actOf("edit", parked, by, nowMs)
          tables.acts.push({ ...act, version, before: before.event.payload, after: payload })
          return true
        })
    })
  })
)

const goOn = (parked: MemoryParkedKey, dueAtMs: number) =>
  Object.assign(parked, {
    status: "retrying",
    generation: parked.generation + 1,
    attempts: 0,
    history: [],
    dueAtMs
  })

const takeOut = (tables: MemoryTables, events: ReadonlyArray<MemoryTables["parked"][number]>) => {
  for (const one of events) tables.parked.splice(tables.parked.indexOf(one), 1)
  tables.discarded.push(...events)
}

const actOf = (
  act: ParkingAct["act"],
  { handler, key }: MemoryParkedKey,
  { actor, why }: Actor,
  atMs: number
): ParkingAct => ({ act, handler, key, version: undefined, actor, why, atMs, before: undefined, after: undefined })

const eventsOf = (tables: MemoryTables, { handler, key }: MemoryParkedKey) =>
  tables.parked.filter((one) => one.handler === handler && one.event.key === key)

const matching = (tables: MemoryTables, filter: ParkedFilter, nowMs: number): ReadonlyArray<MemoryParkedKey> =>
  [...tables.parkedKeys.values()]
    .filter(
      (one) =>
        (filter.handler === undefined || one.handler === filter.handler) &&
        (filter.key === undefined || one.key === filter.key) &&
        (filter.tag === undefined || one.reason.tag === filter.tag) &&
        (filter.status === undefined || one.status === filter.status) &&
        (filter.olderThanMs === undefined || one.parkedAtMs <= nowMs - filter.olderThanMs)
    )
    .toSorted((a, b) => a.parkedAtMs - b.parkedAtMs || (rowKey(a.handler, a.key) < rowKey(b.handler, b.key) ? -1 : 1))

const describe = (tables: MemoryTables, parked: MemoryParkedKey): ParkedKey => {
  const events = eventsOf(tables, parked)
  const first = events[0]?.event
  return {
    ...parked,
    events: events.length,
    first: first && { version: first.version, type: first.type, traceparent: first.traceparent }
  }
}
