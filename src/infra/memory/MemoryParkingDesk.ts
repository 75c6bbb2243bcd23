import { Clock, Effect, Layer, Option } from "effect"
import {
  type Actor,
  actsShownMax,
  ParkingDesk,
  type ParkedFilter,
  type ParkedName,
  type ParkedPlace
} from "../../pipeline/ParkingDesk.ts"
import { parkedAs, type ParkedKey, type ParkingAct } from "../../pipeline/Parked.ts"
import { type MemoryParkedEvent, type MemoryParkedKey, MemoryState, type MemoryTables, rowKey } from "./MemoryState.ts"

/** The parking desk in memory: each act is one synchronous change. */
export const layer: Layer.Layer<ParkingDesk, never, MemoryState> = Layer.effect(
  ParkingDesk,
  Effect.map(MemoryState, (state) => {
    const look = <A>(stream: string, of: (tables: MemoryTables, nowMs: number) => A) =>
      Effect.map(Clock.currentTimeMillis, (nowMs) => of(state.of(stream), nowMs))

    const each = (stream: string, names: ReadonlyArray<ParkedName>, act: (one: Meant) => boolean) =>
      look(stream, (tables, nowMs) =>
        names.map(({ handler, key }, i) => {
          const parked = tables.parkedKeys.get(rowKey(handler, key))
          return parked === undefined ? false : act({ tables, parked, nowMs, i })
        })
      )

    return ParkingDesk.of({
      list: (stream, filter, keysMax, after) =>
        look(stream, (tables, nowMs) => {
          const found = matching(tables, filter, nowMs)
          const beyond = after === undefined ? found : found.filter((one) => inSequence(one, after) > 0)
          return beyond.slice(0, keysMax).map((one) => describe(tables, one))
        }),
      names: (stream, filter, keysMax) =>
        look(stream, (tables, nowMs) =>
          matching(tables, filter, nowMs)
            .flatMap(({ handler, key }) => {
              const [first] = eventsOf(tables, { handler, key })
              return first === undefined ? [] : [{ handler, key, version: first.event.version }]
            })
            .slice(0, keysMax)
        ),
      count: (stream, filter) => look(stream, (tables, nowMs) => matching(tables, filter, nowMs).length),
      show: (stream, name, eventsMax) => look(stream, (tables) => detailOf(tables, name, eventsMax)),
      event: (stream, name, version) =>
        look(stream, (tables) =>
          Option.map(Option.fromUndefinedOr(tables.parked[placeOf(tables, name, version)]), eventDetail)
        ),
      replay: (stream, names, { afterMs, everyMs }, by) =>
        each(stream, names, (meant) => replay(meant, by, afterMs + meant.i * everyMs)),
      skip: (stream, names, by) => each(stream, names, (meant) => takeOut(meant, "skip", by, names[meant.i]?.version)),
      discard: (stream, names, by) => each(stream, names, (meant) => takeOut(meant, "discard", by)),
      edit: (stream, name, version, payload, by) =>
        look(stream, (tables, nowMs) => edit(tables, { name, version, payload, by }, nowMs))
    })
  })
)

/** A key that an act is done to, and its place among those the act is done to. */
interface Meant {
  readonly tables: MemoryTables
  readonly parked: MemoryParkedKey
  readonly nowMs: number
  readonly i: number
}

const replay = ({ nowMs, parked, tables }: Meant, by: Actor, inMs: number) => {
  tables.acts.push(actOf("replay", parked, by, nowMs))
  goOn(parked, nowMs + inMs)
  return true
}

const takeOut = ({ nowMs, parked, tables }: Meant, act: "skip" | "discard", by: Actor, version?: number) => {
  const all = eventsOf(tables, parked)
  const events = act === "discard" ? all : all.slice(0, 1).filter(({ event }) => event.version === version)
  for (const one of events) {
    const { payload, version } = one.event
    tables.parked.splice(tables.parked.indexOf(one), 1)
    tables.discarded.push(one)
    tables.acts.push({ ...actOf(act, parked, by, nowMs), version, before: payload })
  }
  if (events.length > 0) goOn(parked, nowMs)
  return events.length > 0
}

interface Edit {
  readonly name: ParkedName
  readonly version: number
  readonly payload: string
  readonly by: Actor
}

const edit = (tables: MemoryTables, { by, name, payload, version }: Edit, nowMs: number) => {
  const parked = tables.parkedKeys.get(rowKey(name.handler, name.key))
  const at = placeOf(tables, name, version)
  const before = tables.parked[at]
  if (parked === undefined || before === undefined) return false
  const original = before.original ?? before.event.payload
  // What was read before is not to be handled any more.
  parked.generation += 1
  tables.parked[at] = { ...before, event: { ...before.event, payload }, original }
  const act = actOf("edit", parked, by, nowMs)
  tables.acts.push({ ...act, version, before: before.event.payload, after: payload })
  return true
}

const goOn = (parked: MemoryParkedKey, dueAtMs: number) => {
  const generation = parked.generation + 1
  Object.assign(parked, { status: "retrying", generation, attempts: 0, history: [], dueAtMs })
}

const actOf = (
  act: ParkingAct["act"],
  { handler, key }: MemoryParkedKey,
  { actor, why }: Actor,
  atMs: number
): ParkingAct => ({ act, handler, key, version: undefined, actor, why, atMs, before: undefined, after: undefined })

const placeOf = (tables: MemoryTables, { handler, key }: ParkedName, version: number) =>
  tables.parked.findIndex((one) => one.handler === handler && parkedAs(one) === key && one.event.version === version)

const eventsOf = (tables: MemoryTables, { handler, key }: ParkedName) =>
  tables.parked.filter((one) => one.handler === handler && parkedAs(one) === key)

const eventDetail = ({ event, original }: MemoryParkedEvent) => ({ event, original })

const detailOf = (tables: MemoryTables, name: ParkedName, eventsMax: number) =>
  Option.map(Option.fromUndefinedOr(tables.parkedKeys.get(rowKey(name.handler, name.key))), (parked) => ({
    parked: describe(tables, parked),
    events: eventsOf(tables, parked).slice(0, eventsMax).map(eventDetail),
    acts: tables.acts
      .filter((act) => act.handler === name.handler && act.key === name.key)
      .toReversed()
      .slice(0, actsShownMax)
  }))

const matching = (tables: MemoryTables, filter: ParkedFilter, nowMs: number): ReadonlyArray<MemoryParkedKey> =>
  [...tables.parkedKeys.values()]
    .filter(
      (one) =>
        (filter.handler === undefined || one.handler === filter.handler) &&
        (filter.key === undefined || one.key === filter.key || one.ofKey === filter.key) &&
        (filter.tag === undefined || one.reason.tag === filter.tag) &&
        (filter.status === undefined || one.status === filter.status) &&
        (filter.olderThanMs === undefined || one.parkedAtMs <= nowMs - filter.olderThanMs)
    )
    .toSorted(inSequence)

/** The oldest first. */
const inSequence = (a: ParkedPlace, b: ParkedPlace): number => {
  if (a.parkedAtMs !== b.parkedAtMs) return a.parkedAtMs - b.parkedAtMs
  const [left, right] = [rowKey(a.handler, a.key), rowKey(b.handler, b.key)]
  return left < right ? -1 : left === right ? 0 : 1
}

const describe = (tables: MemoryTables, parked: MemoryParkedKey): ParkedKey => {
  const events = eventsOf(tables, parked)
  const first = events[0]?.event
  return {
    ...parked,
    events: events.length,
    first: first && { version: first.version, type: first.type, traceparent: first.traceparent }
  }
}
