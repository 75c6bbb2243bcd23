import type { NatsConnection as Connection } from "@nats-io/transport-node"
import { Clock, Effect, Queue, type Scope, Stream } from "effect"
import { brokerFailure } from "./natsFailure.ts"
import type { NatsConnection } from "./NatsConnection.ts"

/**
 * Two rings of one doorbell are so far apart at least: whoever hears the first one looks at all there is. A message per
 * transaction woke the server and the relay more often than they had anything to do.
 */
const ringEveryMs = 2

const subjectOf = (doorbell: string) => `millrace.doorbell.${doorbell}`

/**
 * Rings doorbells: at once, or, when it has just rung, once more a little later.
 *
 * Delivery semantics: a ring may be lost; whoever waits for one also polls.
 */
export const makeRing = Effect.fnUntraced(function* (
  connection: Connection
): Effect.fn.Return<(doorbell: string) => Effect.Effect<void>, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const last = new Map<string, number>()
  const due = new Set<string>()
  const ring = (doorbell: string) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      last.set(doorbell, now)
      due.delete(doorbell)
      return Effect.try({
        try: () => connection.publish(subjectOf(doorbell)),
        catch: (cause) => brokerFailure("ring", cause)
      }).pipe(Effect.ignore)
    })
  return (doorbell) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (due.has(doorbell)) return Effect.void
      const sinceLast = Math.abs(now - (last.get(doorbell) ?? 0))
      if (sinceLast >= ringEveryMs) return ring(doorbell)
      due.add(doorbell)
      return Effect.sleep(ringEveryMs).pipe(Effect.andThen(ring(doorbell)), Effect.forkIn(scope), Effect.asVoid)
    })
})

/** A doorbell's rings; those that nobody has taken yet are one. */
export const ringsOf = (nats: NatsConnection["Service"], doorbell: string): Stream.Stream<void> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const rung = yield* Queue.sliding<void>(1)
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          nats.connection.subscribe(subjectOf(doorbell), { callback: () => void Queue.offerUnsafe(rung, undefined) })
        ),
        (subscription) => Effect.sync(() => (nats.connection.isClosed() ? undefined : subscription.unsubscribe()))
      )
      return Stream.fromQueue(rung)
    })
  )
