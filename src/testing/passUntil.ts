import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { Random } from "./Random.ts"

/** Time passes, in small steps of any size. */
export const passUntil = Effect.fnUntraced(function* (
  world: { readonly random: Random; nowMs: number },
  done: () => boolean,
  patienceMs: number
) {
  const untilMs = world.nowMs + patienceMs
  while (!done() && world.nowMs < untilMs) {
    const stepMs = world.random.between(1, 60)
    world.nowMs += stepMs
    yield* TestClock.adjust(stepMs)
  }
})
