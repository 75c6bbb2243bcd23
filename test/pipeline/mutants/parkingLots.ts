import { Effect, Layer, Option } from "effect"
import * as MemoryPipeline from "../../../src/infra/memory/MemoryPipeline.ts"
import { MemoryState, rowKey } from "../../../src/infra/memory/MemoryState.ts"
import { ParkingLot } from "../../../src/pipeline/ParkingLot.ts"
import { faithful, type Variant } from "../../support/World.ts"

const variant = (
  change: (inner: ParkingLot["Service"], state: MemoryState["Service"]) => Partial<ParkingLot["Service"]>
): Variant => ({
  ...faithful,
  layer: Layer.effect(
    ParkingLot,
    Effect.gen(function* () {
      const inner = yield* ParkingLot
      return ParkingLot.of({ ...inner, ...change(inner, yield* MemoryState) })
    })
  ).pipe(Layer.provideMerge(MemoryPipeline.layer))
})

/** Replays the newest first. */
export const replaysBackwards = variant((inner) => ({
  next: (claim, key, eventsMax) =>
    Effect.map(
      inner.next(claim, key, eventsMax),
      Option.map((aside) => ({ ...aside, events: aside.events.toReversed() }))
    )
}))

/** A key goes back to the live flow with the first event that went well, whatever is behind it. */
export const returnsTooEarly = variant((inner, state) => ({
  settle: (claim, done, effects) =>
    Effect.andThen(
      inner.settle(claim, done, effects),
      Effect.sync(() => {
        const { parkedKeys, progress } = state.of(claim.stream)
        const at = rowKey(claim.handler, done.key)
        parkedKeys.delete(at)
        progress.set(at, { version: progress.get(at)?.version ?? 0, parked: false })
      })
    )
}))

/** The event is taken away first, and its effects follow. */
export const takesAwayFirst = variant((inner) => ({
  settle: (claim, done, effects) => Effect.andThen(inner.settle(claim, done, Effect.void), effects)
}))
