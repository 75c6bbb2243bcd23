import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Option, Random, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { retrySteps, retryStepsAfter } from "../../src/pipeline/Attempt.ts"
import { retryPolicy, type RetryPolicy, retryPolicyDefault, withTags } from "../../src/pipeline/RetryPolicy.ts"

/** Delays in milliseconds until the schedule ends; as many attempts, and one more. Asking takes no time: whoever asks waits. */
const delaysOf = Effect.fnUntraced(function* (policy: RetryPolicy) {
  const step = retrySteps(policy)
  const waited = Effect.repeat(Effect.yieldNow, { times: 100 }).pipe(
    Effect.andThen(Effect.die(new Error("the step waits by itself, and its caller would wait once more")))
  )
  const ask = Effect.raceFirst(
    Effect.flatMap(Clock.currentTimeMillis, (nowMs) => step("No", "no", nowMs)),
    waited
  )
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

  it.effect("go on where another process left off, by the times of the attempts it made", () =>
    Effect.gen(function* () {
      const policy = {
        ...retryPolicyDefault,
        schedule: Schedule.exponential("200 millis").pipe(Schedule.upTo({ times: 7 }))
      }
      const failed = (attempt: number) => ({ attempt, atMs: attempt * 1_000, tag: "No", message: "", instance: "" })
      for (const [attempts, history] of [
        [3, [failed(1), failed(2), failed(3)]],
        // Older ones are forgotten, and still count.
        [3, [failed(3)]]
      ] as const) {
        const steps = yield* retryStepsAfter(policy, attempts, history)
        const delays = [yield* steps("No", "no", 4_000), yield* steps("No", "no", 5_000)]
        assert.deepStrictEqual(delays.map(Option.map(Duration.toMillis)), [Option.some(1_600), Option.some(3_200)])
      }
      const used = yield* retryStepsAfter(policy, 7, [failed(7)])
      assert.deepStrictEqual(yield* used("No", "no", 8_000), Option.none())
    })
  )

  it.effect("of single error tags have schedules of their own", () =>
    Effect.gen(function* () {
      const policy = withTags<{ readonly _tag: "Busy" } | { readonly _tag: "No" }>({
        Busy: { schedule: Schedule.spaced("5 seconds") }
      })(retryPolicyDefault)
      const steps = retrySteps(policy)
      const delays = yield* Effect.forEach([1, 2, 3], (i) => steps("Busy", "busy", i * 1_000))
      assert.deepStrictEqual(
        delays.map(Option.map(Duration.toMillis)),
        [1, 2, 3].map(() => Option.some(5_000))
      )
      assert.isTrue(Option.exists(yield* steps("No", "no", 4_000), (delay) => Duration.toMillis(delay) < 300))
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
