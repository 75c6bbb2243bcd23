import { Effect, type Fiber, Random as EffectRandom, type Scheduler } from "effect"
import { TestClock } from "effect/testing"
import { makeRandom, type Random } from "./Random.ts"

/** How often a fiber gives way between two of its steps. */
const yieldProbability = 0.1

/** Interleaves fibers at random, the same way for the same seed: any fiber may yield anywhere, and any may be next. */
class SeededScheduler implements Scheduler.Scheduler {
  readonly executionMode = "async"
  readonly #random: Random
  readonly #tasks: Array<() => void> = []
  #scheduled = false

  constructor(seed: number) {
    this.#random = makeRandom(seed)
  }

  // Never at a fiber's first step: one that is interrupted before it started would forget the interruption and start.
  shouldYield(fiber: Fiber.Fiber<unknown, unknown>) {
    return fiber.currentOpCount > 1 && this.#random.chance(yieldProbability)
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return {
      scheduleTask: (task) => {
        this.#tasks.push(task)
        if (this.#scheduled) return
        this.#scheduled = true
        setImmediate(this.#run)
      },
      flush: () => this.#drain()
    }
  }

  readonly #run = () => {
    this.#scheduled = false
    this.#drain()
  }

  #drain() {
    while (this.#tasks.length > 0) {
      const at = this.#random.between(0, this.#tasks.length - 1)
      for (const task of this.#tasks.splice(at, 1)) task()
    }
  }
}

/** Runs an effect by itself, with a clock of its own that only the effect moves; the same seed gives the same run. */
export const runSeeded = <A, E>(effect: Effect.Effect<A, E>, seed: number): Effect.Effect<A, E> =>
  Effect.promise((signal) =>
    Effect.runPromiseExit(effect.pipe(EffectRandom.withSeed(seed), Effect.provide(TestClock.layer())), {
      scheduler: new SeededScheduler(seed),
      signal
    })
  ).pipe(Effect.flatten)
