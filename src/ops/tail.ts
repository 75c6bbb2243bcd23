import { Effect } from "effect"
import { PipelineView } from "../pipeline/PipelineView.ts"
import { type SeenEvent, StreamView } from "../pipeline/StreamView.ts"
import { tailBody } from "./keyEvents.ts"
import type { TraceOptions } from "./keyTrace.ts"
import type { EventState } from "./eventStates.ts"
import type { TailEventBody } from "./TraceApi.ts"

/** Events that are read to find those that fit a filter, the newest. */
const searchedMax = 5_000

/** The same where each is also looked up in the store, for every handler. */
const lookedUpMax = 1_000

/** What a tail may be narrowed to. */
export interface TailFilter {
  readonly type?: string | undefined
  readonly key?: string | undefined
  readonly partition?: number | undefined
  readonly afterSeq?: number | undefined
  /** What some handler, or `handler`, has made of it. */
  readonly outcome?: EventState | undefined
  readonly handler?: string | undefined
}

/** The newest events that fit, newest first. */
export const tailOf = Effect.fnUntraced(function* (options: TraceOptions, filter: TailFilter, limit: number) {
  const stream = yield* StreamView
  const { declaration } = options
  const { lastSeq } = yield* stream.stats(declaration.name)
  const searched = searchedOf(filter, limit)
  const fromSeq = Math.max((filter.afterSeq ?? 0) + 1, lastSeq - searched + 1, 1)
  if (fromSeq > lastSeq) return { lastSeq, events: [] }
  const read = yield* stream.read(declaration, { fromSeq, eventsMax: searched, payloads: false })
  const fits = read.filter(
    ({ key, partition, type }) =>
      (filter.type === undefined || filter.type === type) &&
      (filter.key === undefined || filter.key === key) &&
      (filter.partition === undefined || filter.partition === partition)
  )
  const events =
    filter.outcome === undefined
      ? fits.map((event) => tailBody(event))
      : yield* having(options, fits, { outcome: filter.outcome, handler: filter.handler })
  return { lastSeq: Math.max(lastSeq, read.at(-1)?.seq ?? 0), events: events.slice(-limit).reverse() }
})

const searchedOf = ({ key, outcome, partition, type }: TailFilter, limit: number) => {
  if (outcome !== undefined) return lookedUpMax
  return type !== undefined || key !== undefined || partition !== undefined ? searchedMax : limit
}

interface Wanted {
  readonly outcome: EventState
  readonly handler: string | undefined
}

/** Those of which a handler has made this, with the handlers that have. Passed over is what was handled, and is of another type. */
const having = Effect.fnUntraced(function* (
  { declaration, handlers }: TraceOptions,
  events: ReadonlyArray<SeenEvent>,
  { handler, outcome }: Wanted
) {
  const view = yield* PipelineView
  const typesOf = new Map(handlers.map(({ name, types }) => [name, types]))
  const isPassed = (name: string, type: string) => typesOf.get(name)?.has(type) === false
  const found = yield* view.having(declaration.name, events, outcome === "passed" ? "handled" : outcome)
  const byEvent = Map.groupBy(found, ({ key, version }) => `${version} ${key}`)
  return events.flatMap((event): ReadonlyArray<TailEventBody> => {
    const own = (byEvent.get(`${event.version} ${event.key}`) ?? [])
      .map((one) => one.handler)
      .filter(
        (name) =>
          (handler === undefined || handler === name) &&
          (outcome !== "passed" || isPassed(name, event.type)) &&
          (outcome !== "handled" || !isPassed(name, event.type))
      )
    return own.length === 0 ? [] : [{ ...tailBody(event), handlers: own }]
  })
})
