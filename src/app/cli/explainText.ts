import { DateTime } from "effect"
import type { ActivityBody } from "../../ops/OverviewApi.ts"
import type { HandledBody, TraceBody, TracedEventBody } from "../../ops/TraceApi.ts"
import { durationText } from "./durationText.ts"
import { painted, table, type Tone, type Toned } from "./Table.ts"

/** A trace, and what operators did and instances said about its key. */
export interface Story extends TraceBody {
  readonly activity: ReadonlyArray<ActivityBody>
}

/** One thing that happened. */
interface Moment {
  readonly atMs: number
  /** The event it happened to; empty: to its key. */
  readonly event: string
  readonly text: string
  readonly tone?: Tone
}

/** The whole story of one key: what became of it, why it waits, all moments in order, and how each event stands. */
export const explainText = (trace: Story, command: string, canColor: boolean): string =>
  [
    headOf(trace, canColor),
    ...trace.waits.map((why) => `${painted("waits", "warn", canColor)}  ${why}`),
    ...(trace.events.length > 0 && trace.waits.length === 0 ? ["nothing waits: all is done"] : []),
    ...(trace.earlier === 0 ? [] : [`${trace.earlier} earlier events are not shown`]),
    ...(trace.events.length === 0 ? [] : ["", timeline(trace, canColor), "", standing(trace, canColor)]),
    ...nextSteps(trace, command)
  ].join("\n")

const headOf = ({ asked, inOrder, key, partition, verdict, version }: TraceBody, canColor: boolean) => {
  const name = asked === key ? key : `${asked} belongs to ${key}`
  const order = painted(verdict, inOrder ? "good" : "bad", canColor)
  return `${name}: partition ${partition}, ${version} events so far; in order: ${order}`
}

const nameOf = ({ type, version }: TracedEventBody) => `${version} ${type}`

const timeline = (trace: Story, canColor: boolean): string => {
  const moments = [
    ...trace.events.flatMap(momentsOf),
    ...trace.acts.map(actOf),
    ...trace.activity.filter((entry) => !isAmong(trace.acts, entry)).map(entryOf)
  ].toSorted((a, b) => a.atMs - b.atMs)
  const rows = moments.map(({ atMs, event, text, tone }, i) => [
    DateTime.formatIso(DateTime.makeUnsafe(atMs)),
    // What came long before is in the first column; here one sees what took its time.
    i === 0 ? "" : `+${durationText(atMs - (moments[i - 1]?.atMs ?? atMs))}`.padStart(8),
    event,
    { text, tone } satisfies Toned
  ])
  return table([["at", "since", "event", "what happened"], ...rows], canColor)
}

const momentsOf = (event: TracedEventBody): ReadonlyArray<Moment> => {
  const at = nameOf(event)
  return [
    { atMs: event.appendedAtMs, event: at, text: `appended to the outbox, trace ${traceIdOf(event)}` },
    ...(event.storedAtMs === null
      ? []
      : [
          { atMs: event.storedAtMs, event: at, text: `published: sequence ${event.seq}, partition ${event.partition}` }
        ]),
    ...event.handlers.flatMap((handled) => handledMoments(at, handled))
  ]
}

const handledMoments = (event: string, { attempts, confirmedAtMs, handler, intendedAtMs }: HandledBody) => [
  ...(intendedAtMs === null ? [] : [{ atMs: intendedAtMs, event, text: `${handler}: effect begun` }]),
  ...attempts.map(({ atMs, attempt, instance, message, tag }): Moment => ({
    atMs,
    event,
    text: `${handler}: attempt ${attempt} failed, ${tag}: ${oneLine(message)} (instance ${instance})`,
    tone: "bad"
  })),
  ...(confirmedAtMs === null ? [] : [{ atMs: confirmedAtMs, event, text: `${handler}: effect confirmed` }])
]

const actOf = ({ act, actor, atMs, handler, version, why }: TraceBody["acts"][number]): Moment => ({
  atMs,
  event: version === null ? "" : `${version}`,
  text: `${handler}: ${act} by ${actor}${why === "" ? "" : `: ${oneLine(why)}`}`,
  tone: "warn"
})

/** Acts on a key that is still parked are told twice. */
const isAmong = (acts: TraceBody["acts"], { atMs, what }: ActivityBody) =>
  acts.some((one) => one.atMs === atMs && one.act === what)

const entryOf = ({ atMs, handler, level, source, text, what, who }: ActivityBody): Moment => ({
  atMs,
  event: "",
  text: source === "operator" ? `${text}, by ${who}` : `${handler ?? ""}: ${what}: ${oneLine(text)}`,
  ...(level === "info" ? {} : { tone: level === "error" ? "bad" : "warn" })
})

const messageMaxChars = 200

const oneLine = (text: string) => text.replaceAll(/\s+/g, " ").slice(0, messageMaxChars)

const traceIdOf = ({ traceparent }: TracedEventBody) => traceparent.split("-")[1] ?? "–"

const tones: { readonly [State in HandledBody["state"]]?: Tone } = {
  handled: "good",
  retrying: "warn",
  behind: "warn",
  waiting: "warn",
  parked: "bad",
  discarded: "bad"
}

/** How each event stands with each handler. */
const standing = ({ events }: TraceBody, canColor: boolean): string => {
  const handlers = [...new Set(events.flatMap((event) => event.handlers.map(({ handler }) => handler)))].toSorted()
  const stateOf = (event: TracedEventBody, handler: string): Toned => {
    const state = event.handlers.find((one) => one.handler === handler)?.state
    return state === undefined || state === "passed"
      ? { text: "·", tone: undefined }
      : { text: state, tone: tones[state] }
  }
  const rows = events.map((event) => [
    nameOf(event),
    event.outbox,
    event.seq ?? "–",
    ...handlers.map((handler) => stateOf(event, handler))
  ])
  return table([["event", "outbox", "seq", ...handlers], ...rows], canColor)
}

/** What can be done now. */
const nextSteps = ({ events, key }: TraceBody, command: string): ReadonlyArray<string> => {
  const parked = new Set(
    events.flatMap(({ handlers }) => handlers.filter(({ state }) => state === "parked").map(({ handler }) => handler))
  )
  const name = /^[\w.@-]+$/.test(key) ? key : JSON.stringify(key)
  return parked.size === 0
    ? []
    : ["", ...[...parked].map((handler) => `next  ${command} parked show ${handler} ${name}`)]
}
