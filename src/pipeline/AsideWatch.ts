import { Duration, Effect, Option, Queue, Stream } from "effect"
import { EventLog } from "./EventLog.ts"
import { keepGoing } from "./keepGoing.ts"
import { type AsideCount, ParkingLot } from "./ParkingLot.ts"
import { keyOf, type Share } from "./Share.ts"

/** How often is looked for keys whose next attempt is due; replays ring. An attempt may be late by that much. */
const lookEvery = Duration.seconds(1)

/** Keys of a partition that are woken at a time: with more that are due, the others follow as soon as these are done. */
const dueKeysMax = 32

/** The doorbell that makes all instances look for keys that are due. */
export const asideDoorbell = (stream: string) => `${stream}.aside`

/** How much may be put aside. */
export interface AsideLimits {
  readonly parkedEventsMax: number
  readonly parkedEventsOfKeyMax: number
}

/**
 * Wakes keys that were put aside when they are due, in the partitions this instance has in hand; and stops a handler that
 * has put too much aside. That is counted once a second while something is put aside, so it may become more by what a
 * second brings.
 */
export const watchAside = Effect.fnUntraced(function* <E>(share: Share<E>, limits: AsideLimits) {
  const log = yield* EventLog
  const lot = yield* ParkingLot
  const rung = yield* Queue.sliding<void>(1)
  const stopped = new Set<string>()
  const told = { now: true }
  const listen = Stream.runForEach(log.rings(asideDoorbell(share.stream)), () => Queue.offer(rung, undefined))
  yield* Effect.forkScoped(listen)

  const wakeDue = Effect.gen(function* () {
    // Somebody rang, or put something aside, or the heartbeat says that something is due; else the store is not asked.
    if (!told.now && !share.asideDue && !share.parking.changed) return
    told.now = false
    const places = [...share.working.values()].map(({ owned }) => owned.claim)
    const due = places.length === 0 ? [] : yield* lot.due(share.stream, places, dueKeysMax)
    for (const place of due) share.working.get(keyOf(place))?.owned.wake(place.key)
  })

  const stopFull = Effect.gen(function* () {
    if (!share.parking.changed && stopped.size === 0) return
    const counts = new Map((yield* lot.count(share.stream)).map((one) => [one.handler, one]))
    share.parking.changed = false
    for (const [handler, { gate }] of share.units) {
      const reason = fullness(counts.get(handler), limits)
      if (reason === undefined) stopped.delete(handler)
      else stopped.add(handler)
      yield* gate.parkingFull(reason)
    }
  })

  // A store that is away is the heartbeat's to report.
  const look = Effect.ignore(Effect.andThen(wakeDue, stopFull)).pipe(
    Effect.andThen(Effect.timeoutOption(Queue.take(rung), lookEvery)),
    Effect.map((ring) => (told.now = Option.isSome(ring)))
  )
  yield* keepGoing("aside watch", look).pipe(Effect.forkScoped)
})

const fullness = (count: AsideCount | undefined, { parkedEventsMax, parkedEventsOfKeyMax }: AsideLimits) => {
  if (count === undefined) return undefined
  const { events, eventsOfOneKey } = count
  if (events >= parkedEventsMax) return `${events} events are parked, and ${parkedEventsMax} may be`
  return eventsOfOneKey >= parkedEventsOfKeyMax
    ? `${eventsOfOneKey} events of one key are parked, and ${parkedEventsOfKeyMax} may be`
    : undefined
}
