import { parkedAs } from "../../pipeline/Parked.ts"
import type { EventPlace, HandlerPlace, Outcome } from "../../pipeline/PipelineView.ts"
import { columnsOf, type MemoryParkedEvent, type MemoryTables, rowKey } from "./MemoryState.ts"

/** Which handlers have made this of which events. */
export const havingIn = (
  tables: MemoryTables,
  events: ReadonlyArray<EventPlace>,
  outcome: Outcome
): ReadonlyArray<HandlerPlace> =>
  [...new Set([...tables.leases.keys()].map((at) => columnsOf(at)[0]))]
    .toSorted()
    .flatMap((handler) =>
      events
        .map(({ key, version }) => ({ handler, key, version }))
        .filter((place) => outcomeOf(tables, place) === outcome)
    )

const isOf =
  ({ handler, key, version }: HandlerPlace) =>
  (one: MemoryParkedEvent) =>
    one.handler === handler && one.event.key === key && one.event.version === version

const outcomeOf = (tables: MemoryTables, place: HandlerPlace): Outcome => {
  const { handler, key, version } = place
  if (tables.discarded.some(isOf(place))) return "discarded"
  const aside = tables.parked.find(isOf(place))
  if (aside !== undefined) return asideOf(tables, aside)
  const reached = tables.progress.get(rowKey(handler, key))?.version ?? 0
  return version <= reached || tables.handled.has(rowKey(handler, key, version)) ? "handled" : "waiting"
}

const asideOf = ({ parked, parkedKeys }: MemoryTables, aside: MemoryParkedEvent): Outcome => {
  const name = parkedAs(aside)
  const isBehind = parked.some(
    (one) => one.handler === aside.handler && parkedAs(one) === name && one.event.version < aside.event.version
  )
  return isBehind ? "behind" : (parkedKeys.get(rowKey(aside.handler, name))?.status ?? "behind")
}
