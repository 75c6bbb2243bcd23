import { assert, describe, it } from "@effect/vitest"
import { Data, Duration, Effect } from "effect"
import { type Delivery, external } from "../../src/pipeline/Handler.ts"
import { retryPolicy } from "../../src/pipeline/RetryPolicy.ts"
import { type Noted, noteStream } from "../support/Ledger.ts"
import { pass, running } from "../support/Running.ts"

class NoAnswer extends Data.TaggedError("NoAnswer") {}

const retry = retryPolicy({ attemptsMax: 4, delayMax: Duration.seconds(1), attemptTimeout: Duration.seconds(15) })

const placeOf = ({ key, version }: Delivery<typeof Noted.Type>) => `${key} ${version}`

/** A bank that books, and whose answers may be lost; it can be asked what it has booked. */
const makeBank = () => {
  const state = { booked: [] as Array<string>, asked: [] as Array<string>, answers: true, hangs: false }
  const handler = external(
    noteStream,
    "bank",
    {
      retry,
      breaker: "none",
      effectsKeptFor: Duration.minutes(1),
      confirm: (delivery) =>
        Effect.sync(() => {
          state.asked.push(placeOf(delivery))
          return state.booked.includes(placeOf(delivery))
        })
    },
    (delivery) =>
      Effect.suspend(() => {
        state.booked.push(placeOf(delivery))
        if (state.hangs) return Effect.never
        return state.answers ? Effect.void : Effect.fail(new NoAnswer())
      })
  )
  return { handler, state }
}

describe("a handler that can say whether an effect has happened", () => {
  it.effect("is not asked when nothing goes wrong, and every effect is confirmed", () =>
    Effect.gen(function* () {
      const { handler, state } = makeBank()
      const world = yield* running([handler])
      yield* world.start("ada")
      yield* world.append("a", "b", "a")
      yield* pass(500)
      assert.sameMembers(state.booked, ["a 1", "b 1", "a 2"])
      assert.deepStrictEqual(state.asked, [])
      assert.lengthOf(
        [...world.tables.effects.values()].filter(({ confirmedAtMs }) => confirmedAtMs !== undefined),
        3
      )
      yield* pass(660_000, 1_000)
      assert.strictEqual(world.tables.effects.size, 0)
    })
  )

  it.effect("is asked before an effect whose answer was lost is made again, and it is not", () =>
    Effect.gen(function* () {
      const { handler, state } = makeBank()
      const world = yield* running([handler])
      yield* world.start("ada")
      state.answers = false
      yield* world.append("a", "a")
      yield* pass(150)
      state.answers = true
      yield* pass(1_000)
      assert.deepStrictEqual(state.booked, ["a 1", "a 2"])
      assert.deepStrictEqual(state.asked, ["a 1"])
    })
  )

  it.effect("is asked after a crash by whoever comes next", () =>
    Effect.gen(function* () {
      const { handler, state } = makeBank()
      const world = yield* running([handler])
      const first = yield* world.start("ada")
      state.hangs = true
      yield* world.append("a", "b")
      yield* pass(500)
      yield* first.crash
      state.hangs = false
      yield* world.start("bob")
      yield* pass(8_000)
      yield* world.append("a")
      yield* pass(500)
      assert.sameMembers(state.booked, ["a 1", "b 1", "a 2"])
      assert.sameMembers(state.asked, ["a 1", "b 1"])
    })
  )
})
