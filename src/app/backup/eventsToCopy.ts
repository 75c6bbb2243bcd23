import { Effect, Option, Stream } from "effect"
import type { HandlerPlace, KnownStream } from "../../pipeline/BackupStore.ts"
import { EventLog, type LogDeclaration } from "../../pipeline/EventLog.ts"
import { type SeenEvent, StreamView } from "../../pipeline/StreamView.ts"
import { isStreamMissing } from "../../pipeline/RelayDecision.ts"
import { refuse } from "./Manifest.ts"

/** Events read from the broker at a time. */
const readEventsMax = 500

/** A part of a stream, both ends included. Empty when `fromSeq` is 0. */
export interface EventRange {
  readonly fromSeq: number
  readonly toSeq: number
}

/**
 * Which events only the stream has: those up to the relay's position that are not behind every handler. What is above the
 * position still waits in the outbox, and the tables have it; what every handler has behind it is wanted by nobody, unless
 * the history is.
 */
export const eventsToCopy = Effect.fnUntraced(function* (
  declaration: LogDeclaration,
  known: KnownStream,
  history: boolean
) {
  if (known.lastSeq === 0) return { fromSeq: 0, toSeq: 0 }
  const { firstSeq } = yield* sameStream(known)
  const firsts = history
    ? [firstSeq]
    : yield* Effect.forEach(furthestBack(known.places), (place) =>
        firstBehind(declaration, { firstSeq, lastSeq: known.lastSeq }, place)
      )
  const fromSeq = Math.min(...firsts)
  return fromSeq > known.lastSeq ? { fromSeq: 0, toSeq: 0 } : { fromSeq, toSeq: known.lastSeq }
})

/** Whoever is furthest back in each partition. Without any handler everything is to come. */
const furthestBack = (places: ReadonlyArray<HandlerPlace>): ReadonlyArray<HandlerPlace> => {
  const nobody: HandlerPlace = { handler: "", partition: undefined, cursor: 0 }
  return [...Map.groupBy(places.length === 0 ? [nobody] : places, ({ partition }) => partition).values()].map((some) =>
    some.reduce((back, place) => (place.cursor < back.cursor ? place : back))
  )
}

/** The first event of a partition behind a place; none in a partition that has had no events for long. */
const firstBehind = Effect.fnUntraced(function* (
  declaration: LogDeclaration,
  { firstSeq, lastSeq }: { readonly firstSeq: number; readonly lastSeq: number },
  { cursor, partition }: HandlerPlace
) {
  if (cursor >= lastSeq) return Infinity
  const from = Math.max(firstSeq, cursor + 1)
  if (partition === undefined) return from
  const view = yield* StreamView
  const [first] = yield* view.read(declaration, { fromSeq: from, partition, eventsMax: 1, payloads: false })
  if (first !== undefined) return first.seq
  // Nothing came: because nothing is there, or not in time.
  return (yield* view.behind(declaration, partition, from - 1)).events === 0 ? Infinity : from
})

/** The stream that the tables speak of, which is there as far as they know it. */
export const sameStream = Effect.fnUntraced(function* ({ created, lastSeq, name }: KnownStream) {
  const log = yield* EventLog
  const info = yield* log.info(name).pipe(Effect.catchIf(isStreamMissing, () => Effect.undefined))
  if (info !== undefined && info.created === created && info.lastSeq >= lastSeq) return info
  return yield* refuse(
    `the stream ${name} at NATS is not the one that the database knows (${info === undefined ? "there is none" : `it ends at ${info.lastSeq}, known ${lastSeq}`}): start the pipeline, which mends that, and take the backup then`
  )
})

/** The events, ascending, some at a time. Ends with the range; fails when some of it cannot be read. */
export const copyEvents = (declaration: LogDeclaration, { fromSeq, toSeq }: EventRange) =>
  Stream.paginate(fromSeq, (from) => Effect.map(nextEvents(declaration, from, toSeq), pageOf(toSeq)))

const pageOf = (toSeq: number) => (events: ReadonlyArray<SeenEvent>) => {
  const last = events.at(-1)?.seq ?? toSeq
  const within = events.filter(({ seq }) => seq <= toSeq)
  return [[within], last >= toSeq ? Option.none<number>() : Option.some(last + 1)] as const
}

/** The next events, as far as they follow one another: behind a sequence that is missing the next read begins. */
const nextEvents = Effect.fnUntraced(function* (declaration: LogDeclaration, fromSeq: number, toSeq: number) {
  const view = yield* StreamView
  const events = yield* view.read(declaration, { fromSeq, eventsMax: readEventsMax, payloads: true })
  const first = events[0]?.seq
  const isThere = Effect.fnUntraced(function* (seq: number) {
    return (yield* view.at(declaration, seq)) !== undefined
  })
  // One that was deleted is missing in the stream too; one that is not did not come.
  const missing = first === fromSeq ? [] : first === undefined ? [fromSeq, toSeq] : [fromSeq]
  if ((yield* Effect.forEach(missing, isThere)).includes(true))
    return yield* refuse(`NATS did not hand out the events from ${fromSeq} on: take the backup again`)
  const end = events.findIndex(({ seq }, i) => i > 0 && seq !== (events[i - 1]?.seq ?? 0) + 1)
  return end === -1 ? events : events.slice(0, end)
})
