import { Duration, Effect, Queue, Stream } from "effect"
import { EventLog } from "./EventLog.ts"
import { keepGoing } from "./keepGoing.ts"
import { ParkingLot } from "./ParkingLot.ts"
import { keyOf, type Share } from "./Share.ts"

/** How often is looked for keys whose next attempt is due; replays ring. An attempt may be late by that much. */
const lookEvery = Duration.seconds(1)

/** Keys that are woken at a time: with more that are due, the others follow as soon as these are in hand. */
const dueKeysMax = 500

/** The doorbell that makes all instances look for keys that are due. */
export const asideDoorbell = (stream: string) => `${stream}.aside`

/** Wakes keys that were put aside when they are due, in the partitions this instance has in hand. */
export const watchAside = Effect.fnUntraced(function* <E>(share: Share<E>) {
  const log = yield* EventLog
  const lot = yield* ParkingLot
  const rung = yield* Queue.sliding<void>(1)
  const listen = Stream.runForEach(log.rings(asideDoorbell(share.stream)), () => Queue.offer(rung, undefined))
  yield* Effect.forkScoped(listen)
  const look = Effect.gen(function* () {
    const places = [...share.working.values()].map(({ owned }) => owned.claim)
    // A store that is away is the heartbeat's to report.
    const due =
      places.length === 0 ? [] : yield* Effect.orElseSucceed(lot.due(share.stream, places, dueKeysMax), () => [])
    for (const place of due) share.working.get(keyOf(place))?.owned.wake(place.key)
    yield* Effect.timeoutOption(Queue.take(rung), lookEvery)
  })
  yield* keepGoing("aside watch", look).pipe(Effect.forkScoped)
})
