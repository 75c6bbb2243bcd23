import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Option, Random } from "effect"
import { TestClock } from "effect/testing"
import { retryStep } from "../../src/pipeline/Attempt.ts"
import { retryPolicy, type RetryPolicy, retryPolicyDefault } from "../../src/pipeline/RetryPolicy.ts"

/** Delays in milliseconds until the schedule ends; as many attempts, and one more. Asking takes no time: whoever asks waits. */
const delaysOf = Effect.fnUntraced(function* (policy: RetryPolicy) {
  const step = yield* retryStep(policy)
  const waited = Effect.repeat(Effect.yieldNow, { times: 100 }).pipe(
    Effect.andThen(Effect.die(new Error("the step waits by itself, and its caller would wait once more")))
  )
  const ask = Effect.raceFirst(step("no"), waited)
  const delays: Array<number> = []
  for (let delay = yield* ask; Option.isSome(delay); delay = yield* ask) {
    delays.push(Duration.toMillis(delay.value))
    yield* TestClock.adjust(delay.value)
  }
  return delays
})

describe("retries", () => {
  it.effect("are seven after the first attempt, each after twice the pause, jittered by a fifth", () =>
    Effect.gen(function* () {
      for (let seed = 0; seed < 200; seed++) {
        const delays = yield* delaysOf(retryPolicyDefault).pipe(Random.withSeed(seed))
        assert.strictEqual(delays.length, 7)
        for (const [i, delay] of delays.entries()) {
          const pause = 200 * 2 ** i
          assert.isTrue(delay >= pause * 0.8 - 1 && delay <= pause * 1.2 + 1, `pause ${i + 1}: ${delay} ms`)
        }
      }
    })
  )

  it.effect("are never further apart than the cap and its jitter, and differ from run to run", () =>
    Effect.gen(function* () {
      const policy = retryPolicy({
        attemptsMax: 12,
        delayMax: Duration.seconds(1),
        attemptTimeout: Duration.seconds(15)
      })
      const runs = yield* Effect.forEach([1, 2, 3], (seed) => delaysOf(policy).pipe(Random.withSeed(seed)))
      for (const delays of runs) {
        assert.strictEqual(delays.length, 11)
        assert.isTrue(
          delays.slice(3).every((delay) => delay >= 799 && delay <= 1_201),
          delays.join()
        )
      }
      assert.strictEqual(new Set(runs.map((delays) => delays.join())).size, 3)
    })
  )

  it.effect("are none when one attempt is all there is", () =>
    Effect.gen(function* () {
      const policy = retryPolicy({
        attemptsMax: 1,
        delayMax: Duration.seconds(1),
        attemptTimeout: Duration.seconds(1)
      })
      assert.deepStrictEqual(yield* delaysOf(policy), [])
    })
  )
})
