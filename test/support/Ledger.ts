import { Data, Duration, Effect, Schema } from "effect"
import * as EventStream from "../../src/pipeline/EventStream.ts"
import { balanced, type Delivery, external, type Handler, transactional } from "../../src/pipeline/Handler.ts"
import { breakerDefault } from "../../src/pipeline/HandlerBreaker.ts"
import { fnv1a } from "../../src/pipeline/Partition.ts"
import { retryPolicy } from "../../src/pipeline/RetryPolicy.ts"
import { EndProcess } from "../../src/testing/EndProcess.ts"
import type { Effects } from "../../src/testing/Book.ts"

/** The one kind of event of these histories. */
export const Noted = Schema.TaggedStruct("Noted", { key: Schema.String, text: Schema.String })

/** A stream of its own for every history. */
export const noteStream = EventStream.make("t", { subject: "t", events: { noted: Noted }, key: (event) => event.key })

/** What a handler refuses an event with. */
export class Refused extends Data.TaggedError("Refused")<{ readonly attempt: number }> {}

/** How an event goes down with a handler. */
type Mood =
  | "well"
  | "refused twice"
  | "refused long"
  | "refused always"
  | "defect"
  | "hangs"
  | "ends its process"
  | "done, then refused"

/** Where an event belongs, for variants that deliver it under another name. */
export type Place = (delivery: Delivery<typeof Noted.Type>) => { readonly key: string; readonly version: number }

const retry = retryPolicy({
  attemptsMax: 6,
  delayMax: Duration.seconds(3),
  attemptTimeout: Duration.seconds(2)
})

/** Whether what makes handlers fail was mended. */
export interface Mending {
  done: boolean
}

type Spot = ReturnType<Place>

const luckOfPlace = (seed: number, handler: string, { key, version }: Spot) =>
  fnv1a(`${seed}/${handler}/${key}/${version}`)

/** Whether this event is one that ends the process that handles it. */
const endsItsProcess = (seed: number, handler: string, place: Spot): boolean =>
  (luckOfPlace(seed, handler, place) >>> 16) % 400 === 0

const outside: ReadonlySet<string> = new Set(["mail", "hooks"])

/** Whether a handler does this event well, always. */
export const isDoneWell = (seed: number, handler: string, place: Spot): boolean => {
  const luck = (luckOfPlace(seed, handler, place) >>> 4) % 100
  return !endsItsProcess(seed, handler, place) && (outside.has(handler) ? moodOutside : moodInside)(luck) === "well"
}

/** Ordered handlers, one of each kind, and a balanced one of either kind, whose moods and latencies depend on the seed and the event only, until they are mended. */
export const noteHandlers = (
  effects: Effects,
  seed: number,
  placeOf: Place,
  mending: Mending = { done: false }
): ReadonlyArray<Handler<Refused>> => {
  const react = (mood: Mood, delivery: Delivery<typeof Noted.Type>, effect: Effect.Effect<void>) => {
    const { attempt } = delivery
    if (mending.done) return effect
    if (mood === "hangs") return Effect.never
    if (mood === "ends its process") return Effect.flatten(EndProcess)
    if (mood === "defect") return Effect.die(new TypeError("a bug in the handler"))
    if (
      mood === "refused always" ||
      (mood === "refused twice" && attempt <= 2) ||
      (mood === "refused long" && attempt <= 4)
    )
      return new Refused({ attempt })
    return mood === "done, then refused" && attempt === 1 ? Effect.andThen(effect, new Refused({ attempt })) : effect
  }

  const handle = (handler: string, luckOf: (luck: number) => Mood) =>
    Effect.fnUntraced(function* (delivery: Delivery<typeof Noted.Type>) {
      const place = placeOf(delivery)
      const luck = luckOfPlace(seed, handler, place)
      if (luck % 3 === 0) yield* Effect.sleep((luck >>> 8) % 40)
      const mood = endsItsProcess(seed, handler, place) ? "ends its process" : luckOf((luck >>> 4) % 100)
      yield* react(mood, delivery, effects.note(handler, { ...delivery, ...place }))
    })

  const breaker = { ...breakerDefault, openFor: "1 second", blamedMax: Duration.seconds(5) } as const
  const options = { retry, keysAtOnceMax: 1 + (seed % 3), breaker }
  return [
    transactional(noteStream, "points", { retry }, handle("points", moodInside)),
    external(noteStream, "mail", options, handle("mail", moodOutside)),
    balanced(
      seed % 4 < 2
        ? transactional(noteStream, "sums", { retry }, handle("sums", moodInside))
        : external(noteStream, "hooks", options, handle("hooks", moodOutside))
    )
  ]
}

const moodInside = (luck: number): Mood => {
  if (luck < 2) return "defect"
  if (luck < 4) return "refused always"
  if (luck < 6) return "refused long"
  return luck < 14 ? "refused twice" : "well"
}

const moodOutside = (luck: number): Mood => {
  if (luck < 1) return "hangs"
  return luck > 85 ? "done, then refused" : moodInside(luck)
}
