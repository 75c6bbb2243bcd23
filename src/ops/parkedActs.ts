import { Effect, type JsonPatch as Patch, JsonPatch, Option, Result } from "effect"
import { asideDoorbell } from "../pipeline/AsideWatch.ts"
import { EventLog } from "../pipeline/EventLog.ts"
import type { EventSchemas, EventStream } from "../pipeline/EventStream.ts"
import {
  type Actor,
  keysPerActMax,
  ParkingDesk,
  type FirstParked,
  type ParkedFilter,
  type ParkedName
} from "../pipeline/ParkingDesk.ts"
import type { StoreUnavailable, Unreadable } from "../pipeline/PipelineError.ts"
import type { Mask } from "./Mask.ts"
import { keysNamedMax } from "./OpsApi.ts"

/** What is to be done to many keys. */
export interface BulkAct {
  readonly act: "replay" | "skip" | "discard"
  readonly filter: ParkedFilter
  readonly keysMax: number
  readonly dryRun: boolean
  /** Keys a second, for replays. */
  readonly ratePerSecond: number
  readonly by: Actor
}

/**
 * Does it to all keys of a filter, oldest first, so many at a time; each time is a transaction of its own. Keys that join
 * meanwhile are left out.
 */
export const actOnMany = Effect.fnUntraced(function* (stream: string, bulk: BulkAct) {
  const desk = yield* ParkingDesk
  const log = yield* EventLog
  const matched = yield* desk.count(stream, bulk.filter)
  const names = yield* desk.names(stream, bulk.filter, Math.min(matched, bulk.keysMax))
  const keys = names.slice(0, keysNamedMax).map(({ handler, key }) => ({ handler, key }))
  if (bulk.dryRun) return { matched, done: 0, dryRun: true, keys }
  let done = 0
  for (let from = 0; from < names.length; from += keysPerActMax) {
    const some = names.slice(from, from + keysPerActMax)
    const answers = yield* actOnSome(desk, stream, some, from, bulk)
    done += answers.filter((one) => one).length
    yield* log.ring(asideDoorbell(stream))
  }
  return { matched, done, dryRun: false, keys }
})

// Each key's turn comes after those of the portions before.
const actOnSome = (
  desk: ParkingDesk["Service"],
  stream: string,
  names: ReadonlyArray<FirstParked>,
  before: number,
  { act, by, ratePerSecond }: BulkAct
) => {
  if (act === "skip") return desk.skip(stream, names, by)
  if (act === "discard") return desk.discard(stream, names, by)
  const everyMs = 1_000 / ratePerSecond
  return desk.replay(stream, names, { afterMs: before * everyMs, everyMs }, by)
}

/** An edit, and what it is to be checked against. */
export interface Edit {
  readonly name: ParkedName
  readonly version: number
  readonly payload: string
  readonly dryRun: boolean
  readonly by: Actor
}

/** What an edit changes. */
export interface Edited {
  readonly before: string
  readonly after: string
  readonly diff: Patch.JsonPatch
}

/**
 * Replaces the payload of one parked event, once its own Schema accepts it and its key is the same: an event that went to
 * another key would leave a gap in this one. None: there is no such event.
 */
export const editEvent = Effect.fnUntraced(function* <Events extends EventSchemas>(
  stream: EventStream<Events>,
  mask: Mask,
  { by, dryRun, name, payload: given, version }: Edit
): Effect.fn.Return<Option.Option<Edited>, StoreUnavailable | Unreadable, ParkingDesk> {
  const desk = yield* ParkingDesk
  const found = yield* desk.event(stream.name, name, version)
  if (Option.isNone(found)) return Option.none()
  const before = found.value.event
  const payload = mask.restore(given, before.payload)
  yield* Effect.fromResult(stream.check(before.type, payload, before.key))
  // As it was given: parsed and written again, a number above 2^53 would be another one.
  const after = payload.trim()
  if (!dryRun && !(yield* desk.edit(stream.name, name, version, after, by))) return Option.none()
  const shown = { before: mask.hide(before.type, before.payload), after: mask.hide(before.type, after) }
  return Option.some({ ...shown, diff: difference(shown.before, shown.after) })
})

/** A payload that cannot be read at all is replaced as a whole. */
const difference = (before: string, after: string): Patch.JsonPatch => {
  const value = JSON.parse(after)
  return Result.match(
    Result.try(() => JSON.parse(before)),
    {
      onSuccess: (old) => JsonPatch.get(old, value),
      onFailure: () => [{ op: "replace", path: "", value }]
    }
  )
}
