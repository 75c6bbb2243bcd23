import { Effect, Option } from "effect"
import type { Handler } from "../pipeline/Handler.ts"
import type { LogDeclaration } from "../pipeline/EventLog.ts"
import { ParkingDesk } from "../pipeline/ParkingDesk.ts"
import { partitionOf, slotOf } from "../pipeline/Partition.ts"
import { PipelineView } from "../pipeline/PipelineView.ts"
import { eventsOfKey, topologiesOf } from "./keyEvents.ts"
import type { Mask } from "./Mask.ts"
import { Overview } from "./Overview.ts"
import type { TraceBody } from "./TraceApi.ts"
import { TraceNames } from "./TraceName.ts"
import { traceBodyOf } from "./traceBody.ts"

/** What is known of handlers beyond what the stores say. */
export type KnownHandler = Pick<Handler, "name" | "types">

/** What a trace is of. */
export interface TraceOptions {
  readonly declaration: LogDeclaration
  readonly mask: Mask
  readonly handlers: ReadonlyArray<KnownHandler>
}

/** Parked keys of one key that are looked at: one for each handler, or one for each event of a balanced one. */
const asideMax = 100

/** All that is known of a key, or of what the application has such a name for. None: nobody ever heard of it. */
export const traceOf = Effect.fnUntraced(function* (asked: string, { declaration, handlers, mask }: TraceOptions) {
  const named = yield* (yield* TraceNames)(asked)
  const key = Option.match(named, { onNone: () => asked, onSome: (one) => one.key })
  const isOf = Option.match(named, { onNone: () => () => true, onSome: (one) => one.isOf })
  const view = yield* PipelineView
  const desk = yield* ParkingDesk
  const { name } = declaration
  const facts = yield* view.key(name, key)
  if (facts.version === 0 && facts.outbox.length === 0) return Option.none<TraceBody>()
  const topologies = yield* topologiesOf(declaration)
  const stored = (yield* eventsOfKey(declaration, topologies, key)).filter(({ payload }) => isOf(payload))
  const aside = yield* desk.list(name, { key }, asideMax)
  const details = yield* Effect.forEach(aside, (one) => desk.show(name, one, 1))
  const effects = yield* view.effects(
    name,
    facts.handlers.map(({ handler }) => handler),
    stored.map(({ eventId }) => eventId)
  )
  const overview = yield* (yield* Overview).current
  const partition = partitionOf(slotOf(key), topologies.at(-1) ?? declaration)
  return Option.some(
    traceBodyOf({
      asked,
      key,
      partition,
      facts: { ...facts, outbox: facts.outbox.filter(({ payload }) => isOf(payload)) },
      stored,
      aside,
      acts: details.flatMap((detail) => Option.toArray(detail).flatMap(({ acts }) => acts)),
      effects,
      overview,
      handlers,
      mask,
      isWhole: Option.isNone(named)
    })
  )
})
