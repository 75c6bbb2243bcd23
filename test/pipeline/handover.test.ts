// What a review of the first version found: each of these lost, reordered or stopped events.
import { assert, describe, it } from "@effect/vitest"
import { Data, Duration, Effect, Exit, Fiber, Latch } from "effect"
import { TestClock } from "effect/testing"
import { rowKey } from "../../src/infra/memory/MemoryState.ts"
import { atCommit } from "../../src/infra/memory/MemoryTransactor.ts"
import { fatalPause, makeFatalPause } from "../../src/pipeline/FatalPause.ts"
import { type Delivery, external, type Handler, transactional } from "../../src/pipeline/Handler.ts"
import { retryPolicy, withTags } from "../../src/pipeline/RetryPolicy.ts"
import { type Noted, noteStream } from "../support/Ledger.ts"
import { pass, running } from "../support/Running.ts"

class Refused extends Data.TaggedError("Refused") {}

class Locked extends Data.TaggedError("Locked") {}

const retry = withTags<Refused | Locked>({ Locked: { class: "fatal" } })(
  retryPolicy({ attemptsMax: 3, delayMax: Duration.seconds(1), attemptTimeout: Duration.seconds(15) })
)

type Note = Delivery<typeof Noted.Type>

const placeOf = ({ key, version }: Note) => `${key} ${version}`

/** A transactional handler whose first calls fail as listed. */
const failing = (failures: ReadonlyArray<Refused | Locked>) => {
  const done: Array<string> = []
  const left = [...failures]
  const handler = transactional(noteStream, "notes", { retry }, (delivery) =>
    Effect.suspend((): Effect.Effect<void, Refused | Locked> => {
      const failure = left.shift()
      return failure === undefined ? atCommit(() => void done.push(placeOf(delivery))) : Effect.fail(failure)
    })
  )
  return { done, handler }
}

describe("a fatal failure of a transactional handler", () => {
  it.effect("while a batch is taken apart lets no later event of the key go first", () =>
    Effect.gen(function* () {
      const { done, handler } = failing([new Refused(), new Locked()])
      const world = yield* running([handler])
      yield* world.append("a", "a", "a", "a")
      yield* world.start("ada")
      yield* pass(80_000, 100)
      assert.deepStrictEqual(done, ["a 1", "a 2", "a 3", "a 4"])
      assert.deepStrictEqual(world.tables.progress.get(rowKey("notes", "a")), { version: 4, parked: false })
    })
  )

  it.effect("at a retry does not forget the key", () =>
    Effect.gen(function* () {
      const { done, handler } = failing([new Refused(), new Locked()])
      const world = yield* running([handler])
      yield* world.append("a")
      yield* world.start("ada")
      yield* pass(80_000, 100)
      yield* world.append("a", "b")
      yield* pass(1_000)
      assert.sameMembers(done, ["a 1", "a 2", "b 1"])
    })
  )

  it.effect("whose trial is broken off lets somebody else try", () =>
    Effect.gen(function* () {
      const pause = makeFatalPause("push")
      const draining = yield* Latch.make(false)
      yield* pause.came("the account is locked")
      yield* TestClock.adjust(fatalPause)
      const trial = yield* Effect.forkChild(pause.pass(draining, Effect.never))
      const second = yield* Effect.forkChild(pause.pass(draining, Effect.succeed("tried")))
      yield* TestClock.adjust(1_000)
      assert.strictEqual(second.pollUnsafe(), undefined)
      yield* Fiber.interrupt(trial)
      yield* TestClock.adjust(1_000)
      assert.deepStrictEqual(second.pollUnsafe(), Exit.succeed("tried"))
    })
  )
})

type Kind = readonly [
  name: string,
  make: (run: (delivery: Note) => Effect.Effect<void>) => Handler,
  record: (effect: () => void) => Effect.Effect<void>
]

const kinds: ReadonlyArray<Kind> = [
  ["transactional", (run) => transactional(noteStream, "notes", {}, run), atCommit],
  ["external", (run) => external(noteStream, "notes", {}, run), Effect.sync]
]

describe.each(kinds)("a key that comes back to a %s handler", (_, make, record) => {
  it.effect("with an event behind it that cannot be read lets nothing overtake that event", () =>
    Effect.gen(function* () {
      const done: Array<string> = []
      const state = { mended: false }
      const base = make((delivery) =>
        state.mended
          ? Effect.andThen(
              Effect.sleep(500),
              record(() => void done.push(placeOf(delivery)))
            )
          : Effect.die("a bug")
      )
      const handler: Handler = {
        ...base,
        decode: (stored) => base.decode(stored.version === 3 ? { ...stored, payload: "{" } : stored)
      }
      const world = yield* running([handler])
      yield* world.start("ada")
      yield* world.append("a")
      yield* pass(1_000)
      state.mended = true
      yield* world.replay("notes", "a")
      yield* pass(200)
      // In memory a transaction that sleeps makes the others wait.
      yield* Effect.forkChild(world.append("a", "a", "a", "a"))
      yield* pass(10_000)
      assert.deepStrictEqual(done, ["a 1", "a 2"])
      assert.deepStrictEqual(
        world.tables.parked.map(({ event }) => event.version),
        [3, 4, 5]
      )
      yield* world.append("a")
      yield* pass(1_000)
      assert.deepStrictEqual(done, ["a 1", "a 2"])
    })
  )

  it.effect("is replayed while its handler is stopped because too much is parked", () =>
    Effect.gen(function* () {
      const done: Array<string> = []
      const state = { mended: false }
      const handler = make((delivery) =>
        state.mended ? record(() => void done.push(placeOf(delivery))) : Effect.die("a bug")
      )
      const world = yield* running([handler], undefined, { parkedEventsMax: 20 })
      yield* world.start("ada")
      const keys = Array.from({ length: 30 }, (_, i) => `key-${i}`)
      yield* world.append(...keys)
      yield* pass(3_000)
      yield* world.append(...keys)
      yield* pass(1_000)
      state.mended = true
      for (const key of keys) yield* world.replay("notes", key)
      yield* pass(30_000, 50)
      assert.lengthOf(done, 60)
      assert.deepStrictEqual(world.tables.parked, [])
    })
  )
})

describe("whatever a failure says", () => {
  it.effect("can be kept: no NUL, no half of a character, no endless text", () =>
    Effect.gen(function* () {
      const said = `\0 ${"🛒".repeat(2_000)} \ud83d`
      const handler = external(noteStream, "push", { retry }, () => Effect.die(new Error(said)))
      const world = yield* running([handler])
      yield* world.start("ada")
      yield* world.append("a")
      yield* pass(1_000)
      const parked = world.tables.parkedKeys.get(rowKey("push", "a"))
      for (const text of [parked?.reason.message, parked?.reason.stack, parked?.history[0]?.message]) {
        assert.isTrue(text?.isWellFormed())
        assert.notInclude(text, "\0")
      }
    })
  )
})
