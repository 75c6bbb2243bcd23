import { Duration, Effect, Option, Queue, type Scope, Stream } from "effect"
import { EventLog } from "./EventLog.ts"

/** Waits for work: woken by a ring, or by a poll underneath, because rings may be lost. */
export interface Doorbell {
  /** Rings it for this one only. */
  readonly ring: Effect.Effect<void>
  /** Forgets earlier rings. Call it before looking for work, so that a ring during the look is kept. */
  readonly clear: Effect.Effect<void>
  /** Until it rings, or the poll is due: 5 ms after work, doubling up to the maximum. */
  readonly wait: Effect.Effect<void>
}

const pollMin = Duration.millis(5)

/** Listens to a doorbell for as long as the scope is open. */
export const makeDoorbell = Effect.fnUntraced(function* (
  name: string,
  pollMax: Duration.Duration
): Effect.fn.Return<Doorbell, never, EventLog | Scope.Scope> {
  const log = yield* EventLog
  const rung = yield* Queue.sliding<void>(1)
  yield* log.rings(name).pipe(
    Stream.runForEach(() => Queue.offer(rung, undefined)),
    Effect.forkScoped
  )
  let poll = pollMin
  return {
    ring: Effect.asVoid(Queue.offer(rung, undefined)),
    clear: Queue.clear(rung).pipe(Effect.asVoid),
    wait: Effect.suspend(() => Effect.timeoutOption(Queue.take(rung), poll)).pipe(
      Effect.map((ring) => {
        poll = Option.isSome(ring) ? pollMin : Duration.min(pollMax, Duration.times(poll, 2))
      })
    )
  }
})

/** The doorbell that makes all instances look at their shares. */
export const rebalanceDoorbell = (stream: string) => `${stream}.rebalance`
