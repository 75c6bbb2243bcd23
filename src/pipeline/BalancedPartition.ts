import { Effect, Latch, Queue } from "effect"
import { makeAloneRunner } from "./AsideRunner.ts"
import { type Claim, Ownership } from "./Ownership.ts"
import { type HandlerUnit, type Opening, refused, whenRestarted, type WorkerOptions } from "./PartitionOpening.ts"

/**
 * What a balanced handler has of a partition: no deliveries, which come from its shared consumer, only the events that
 * were put aside. Their attempts need an owner, as those of an ordered handler do.
 */
export const openBalanced = Effect.fnUntraced(function* <E>(
  { instance, suspicion }: WorkerOptions,
  { asideSlots, handler }: HandlerUnit<E>,
  claim: Claim,
  opening: Opening
) {
  const open = yield* (yield* Ownership).open(claim)
  opening.moved(open.cursor, open.opening)
  yield* Queue.clear(opening.restarts)
  const draining = yield* Latch.make(false)
  const { gate } = opening
  const aside = yield* makeAloneRunner({ claim: open, instance, handler, gate, suspicion, draining }, asideSlots)
  yield* opening.opened(aside)
  yield* Effect.raceAllFirst([
    aside.work.pipe(Effect.catchTag("LeaseLost", refused(claim.partition))),
    whenRestarted(opening, claim.partition),
    opening.stopping.await.pipe(Effect.andThen(draining.open), Effect.andThen(aside.drain))
  ])
})
