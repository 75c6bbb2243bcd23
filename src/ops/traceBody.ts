import { appendedAtMsOf } from "../pipeline/EventTime.ts"
import type { ParkedKey, ParkingAct } from "../pipeline/Parked.ts"
import type { EffectFacts, KeyFacts, KeyHandlerFacts, OutboxFacts } from "../pipeline/PipelineView.ts"
import type { SeenEvent } from "../pipeline/StreamView.ts"
import type { KnownHandler } from "./keyTrace.ts"
import type { Mask } from "./Mask.ts"
import { partitionStates, type OverviewBody } from "./OverviewApi.ts"
import type { HandledBody, TraceBody, TracedEventBody } from "./TraceApi.ts"

/** What a trace is put together from. */
export interface TraceParts {
  readonly asked: string
  readonly key: string
  readonly partition: number
  readonly facts: KeyFacts
  readonly stored: ReadonlyArray<SeenEvent>
  readonly aside: ReadonlyArray<ParkedKey>
  readonly acts: ReadonlyArray<ParkingAct>
  readonly effects: ReadonlyArray<EffectFacts>
  readonly overview: OverviewBody
  readonly handlers: ReadonlyArray<KnownHandler>
  readonly mask: Mask
  /** It is the key itself that was asked for, and not something that some of its events are of. */
  readonly isWhole: boolean
}

/** The story of a key: each event with what each handler has made of it, and why what waits waits. */
export const traceBodyOf = (parts: TraceParts): TraceBody => {
  const { acts, asked, facts, isWhole, key, partition } = parts
  const events = [
    ...parts.stored.map((event) => storedBody(event, parts)),
    ...facts.outbox
      .filter(({ eventId }) => !parts.stored.some((event) => event.eventId === eventId))
      .map((row) => waitingBody(row, parts))
  ].toSorted((a, b) => a.version - b.version)
  return {
    asked,
    key,
    partition,
    version: facts.version,
    events,
    earlier: isWhole ? Math.max(0, facts.version - events.length) : 0,
    ...verdictOf(facts, events),
    waits: waitsOf(events),
    acts: acts
      .toSorted((a, b) => a.atMs - b.atMs)
      .map(({ act, actor, atMs, handler, version, why }) => ({
        atMs,
        handler,
        act,
        actor,
        why,
        version: version ?? null
      }))
  }
}

const storedBody = (event: SeenEvent, parts: TraceParts): TracedEventBody => ({
  version: event.version,
  type: event.type,
  eventId: event.eventId,
  traceparent: event.traceparent,
  appendedAtMs: appendedAtMsOf(event.eventId),
  outbox: "published",
  seq: event.seq,
  storedAtMs: event.storedAtMs,
  partition: event.partition,
  payload: event.payload === "" ? null : parts.mask.hide(event.type, event.payload),
  handlers: parts.facts.handlers.map((handler) => handledBody(event, handler, parts))
})

const waitingBody = (row: OutboxFacts, parts: TraceParts): TracedEventBody => ({
  version: row.version,
  type: row.type,
  eventId: row.eventId,
  traceparent: row.traceparent,
  appendedAtMs: appendedAtMsOf(row.eventId),
  outbox: row.held ? "held" : "waiting",
  seq: null,
  storedAtMs: null,
  partition: parts.partition,
  payload: parts.mask.hide(row.type, row.payload),
  handlers: parts.facts.handlers.map(({ handler }) => ({
    ...untouched(handler),
    why: row.held ? "its key is held back in the outbox" : whyNotPublished(parts.overview)
  }))
})

const untouched = (handler: string): HandledBody => ({
  handler,
  state: "waiting",
  intendedAtMs: null,
  confirmedAtMs: null,
  attempts: [],
  why: null,
  dueAtMs: null
})

const whyNotPublished = ({ outbox, relay }: OverviewBody) => {
  if (relay.leader === null) return "it is in the outbox, and no relay publishes"
  if (relay.failing !== null) return `it is in the outbox; the relay cannot publish: ${relay.failing}`
  return `it is in the outbox, with ${outbox.rows} others`
}

const handledBody = (event: SeenEvent, of: KeyHandlerFacts, parts: TraceParts): HandledBody => {
  const { handler } = of
  const effect = parts.effects.find((one) => one.handler === handler && one.eventId === event.eventId)
  const body = {
    ...untouched(handler),
    intendedAtMs: effect?.intendedAtMs ?? null,
    confirmedAtMs: effect?.confirmedAtMs ?? null
  }
  const types = parts.handlers.find(({ name }) => name === handler)?.types
  const isHandled = event.version <= of.version || of.beyond.includes(event.version)
  if (of.discarded.includes(event.version)) return { ...body, state: "discarded" }
  if (of.parked.includes(event.version)) return { ...body, ...asideOf(event, of, parts) }
  if (isHandled) return { ...body, state: types !== undefined && !types.has(event.type) ? "passed" : "handled" }
  return { ...body, why: whyNotHandled(event, handler, parts.overview) }
}

const asideOf = (
  event: SeenEvent,
  { handler }: KeyHandlerFacts,
  { aside }: TraceParts
): Pick<HandledBody, "state" | "attempts" | "why" | "dueAtMs"> => {
  const own = aside.filter((one) => one.handler === handler)
  const at = own.find(({ first }) => first?.version === event.version)
  if (at !== undefined) {
    const said = `${at.reason.tag}: ${at.reason.message}`
    const why = at.status === "parked" ? `parked after ${at.attempts} attempts: ${said}` : `tried again soon: ${said}`
    return { state: at.status, attempts: at.history, why, dueAtMs: at.dueAtMs ?? null }
  }
  const first = own[0]?.first?.version
  return {
    state: "behind",
    attempts: [],
    why: first === undefined ? "put aside" : `behind version ${first}, which is put aside`,
    dueAtMs: null
  }
}

const whyNotHandled = (event: SeenEvent, name: string, { handlers }: OverviewBody): string => {
  const handler = handlers.find((one) => one.name === name)
  if (handler === undefined) return "its handler is not known to any instance"
  if (handler.paused !== null) return `the handler is paused by ${handler.paused.actor}: ${handler.paused.why}`
  if (handler.resting !== null) return `the handler rests: ${handler.resting}`
  const at = event.partition - handler.partitions.first
  if (at >= handler.partitions.states.length)
    return "the handler still reads what was published before the number of partitions was changed"
  const letter = handler.partitions.states[at]
  const state = Object.entries(partitionStates).find(([one]) => one === letter)?.[1] ?? "unowned"
  if (state === "unowned") return `nobody works on partition ${event.partition}`
  if (state === "paused") return `partition ${event.partition} is paused`
  const lag = handler.partitions.lag[at] ?? -1
  if (handler.throttledPerSecond !== null)
    return `the handler is throttled to ${handler.throttledPerSecond} a second, with ${handler.lag} events not handled`
  return `partition ${event.partition} is ${state}, with ${lag < 0 ? "some" : lag} events not handled`
}

const verdictOf = (
  { handlers }: KeyFacts,
  events: ReadonlyArray<TracedEventBody>
): Pick<TraceBody, "inOrder" | "verdict"> => {
  const wrong = handlers.flatMap(({ handler, violations }) =>
    violations.map((version) => `${handler} got version ${version} out of order`)
  )
  if (wrong.length > 0) return { inOrder: false, verdict: `no: ${wrong.join("; ")}` }
  const known = handlers.flatMap(({ acknowledged, handler }) =>
    acknowledged.map((version) => `; acknowledged: ${handler} got version ${version} out of order`)
  )
  const done = events.filter(({ handlers: all }) =>
    all.every(({ state }) => state === "handled" || state === "passed" || state === "discarded")
  )
  return { inOrder: true, verdict: `yes, ${done.length} of ${events.length} handled by all${known.join("")}` }
}

/** What is said of many events is said once, with the first of them. */
const waitsOf = (events: ReadonlyArray<TracedEventBody>): ReadonlyArray<string> => {
  const waits = events.flatMap(({ handlers, type, version }) =>
    handlers.flatMap(({ handler, why }) => (why === null ? [] : [{ handler, type, version, why }]))
  )
  const firsts = [...Map.groupBy(waits, ({ handler, why }) => `${handler} ${why}`).values()].flatMap(
    ([first]) => first ?? []
  )
  return firsts.map(({ handler, type, version, why }) => `${handler}: version ${version} (${type}): ${why}`)
}
