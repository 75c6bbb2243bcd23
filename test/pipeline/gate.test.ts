import { assert, describe, it } from "@effect/vitest"
import { Clock, Data, Duration, Effect } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { atCommit } from "../../src/infra/memory/MemoryTransactor.ts"
import { external, transactional } from "../../src/pipeline/Handler.ts"
import { breakerDefault } from "../../src/pipeline/HandlerBreaker.ts"
import { retryPolicy, withTags } from "../../src/pipeline/RetryPolicy.ts"
import { noteStream } from "../support/Ledger.ts"
import { pass, running } from "../support/Running.ts"

class Refused extends Data.TaggedError("Refused") {}

class Locked extends Data.TaggedError("Locked") {}

const retry = retryPolicy({ attemptsMax: 3, delayMax: Duration.seconds(1), attemptTimeout: Duration.seconds(15) })

const many = (count: number, events = 1) => Array.from({ length: count * events }, (_, i) => `key-${i % count}`)

/** A downstream that may be down, and what it took. */
const makeDownstream = () => {
  const state = { down: false, asked: 0, taken: [] as Array<string> }
  const call = (place: string) =>
    Effect.suspend(() => {
      state.asked += 1
      if (state.down) return Effect.fail(new Refused())
      state.taken.push(place)
      return Effect.void
    })
  return { state, call }
}

const inOrder = (taken: ReadonlyArray<string>) => {
  for (const [key, places] of Map.groupBy(taken, (place) => place.split(" ")[0] ?? ""))
    assert.deepStrictEqual(
      places,
      places.map((_, i) => `${key} ${i + 1}`)
    )
}

const placeOf = ({ key, version }: { readonly key: string; readonly version: number }) => `${key} ${version}`

describe("a handler whose downstream is dead", () => {
  for (const [name, trip] of [
    ["several keys in a row", CircuitBreaker.consecutive(5)],
    ["half of the attempts", CircuitBreaker.rate({ threshold: 0.5, size: 10, minimumCalls: 8 })]
  ] as const)
    it.effect(`is paused after ${name}; nothing is parked, and the backlog drains in order when it is back`, () =>
      Effect.gen(function* () {
        const { call, state } = makeDownstream()
        const breaker = { ...breakerDefault, trip }
        const handler = external(noteStream, "push", { retry, breaker }, (delivery) => call(placeOf(delivery)))
        const world = yield* running([handler])
        yield* world.start("ada")
        yield* world.append(...many(20))
        yield* pass(500)
        assert.lengthOf(state.taken, 20)
        state.down = true
        yield* world.append(...many(20, 3))
        yield* pass(60_000)
        assert.lengthOf(world.tables.parked, 0)
        const before = state.asked
        assert.isBelow(before, 20 + 20 + 80, "it is left alone")
        assert.lengthOf(
          world.signals.filter(({ _tag }) => _tag === "HandlerPaused"),
          1
        )
        state.down = false
        yield* pass(40_000)
        assert.lengthOf(state.taken, 80)
        inOrder(state.taken)
        assert.strictEqual(world.signals.at(-1)?._tag, "HandlerResumed")
      })
    )

  it.effect("is not paused by one key that fails again and again; that key is parked, the others go on", () =>
    Effect.gen(function* () {
      const { call, state } = makeDownstream()
      const handler = external(noteStream, "push", { retry }, (delivery) =>
        delivery.key === "key-0" ? new Refused() : call(placeOf(delivery))
      )
      const world = yield* running([handler])
      yield* world.start("ada")
      yield* world.append("key-0")
      yield* pass(3_000)
      assert.lengthOf(world.tables.parked, 1)
      yield* world.append(...many(5))
      yield* pass(500)
      assert.lengthOf(state.taken, 4)
      assert.isUndefined(world.signals.find(({ _tag }) => _tag === "HandlerPaused"))
    })
  )

  it.effect("is not paused by many bad keys whose attempts come in the same moment, between good ones", () =>
    Effect.gen(function* () {
      const { call, state } = makeDownstream()
      const patient = retryPolicy({
        attemptsMax: 6,
        delayMax: Duration.seconds(5),
        attemptTimeout: Duration.seconds(15)
      })
      const handler = external(noteStream, "push", { retry: patient }, (delivery) =>
        delivery.key.startsWith("bad") ? new Refused() : call(placeOf(delivery))
      )
      const world = yield* running([handler])
      yield* world.start("ada")
      yield* world.append("good")
      yield* pass(100)
      for (let i = 0; i < 20; i++) yield* world.append(`bad-${i}`)
      // All first attempts at once look like a dead downstream; the next good key shows that it is not.
      for (let i = 0; i < 400; i++) {
        yield* world.append("good")
        yield* pass(100)
      }
      yield* pass(2_000)
      assert.lengthOf(state.taken, 401)
      // The attempts that are put aside are all made when the next look finds them due: they open nothing.
      assert.strictEqual(world.tables.parked.length, 20)
      assert.isAtMost(world.signals.filter(({ _tag }) => _tag === "HandlerPaused").length, 5)
      assert.strictEqual(world.signals.findLast(({ _tag }) => _tag.startsWith("Handler"))?._tag, "HandlerResumed")
    })
  )

  it.effect("no longer speaks for the events when it lasts: they are parked after their attempts", () =>
    Effect.gen(function* () {
      const { call, state } = makeDownstream()
      const breaker = { ...breakerDefault, blamedMax: Duration.minutes(1) }
      const handler = external(noteStream, "push", { retry, breaker }, (delivery) => call(placeOf(delivery)))
      const world = yield* running([handler])
      yield* world.start("ada")
      state.down = true
      yield* world.append(...many(6))
      yield* pass(50_000, 100)
      assert.lengthOf(world.tables.parked, 0)
      yield* pass(1_800_000, 500)
      assert.isAbove(world.tables.parked.length, 0)
    })
  )

  it.effect("is not waited for by a stop", () =>
    Effect.gen(function* () {
      const { call, state } = makeDownstream()
      const handler = external(noteStream, "push", { retry }, (delivery) => call(placeOf(delivery)))
      const world = yield* running([handler])
      const one = yield* world.start("ada")
      state.down = true
      yield* world.append(...many(100))
      yield* pass(5_000)
      const before = yield* Clock.currentTimeMillis
      yield* one.stop
      assert.isBelow((yield* Clock.currentTimeMillis) - before, 1_000)
      state.down = false
      yield* world.start("bob")
      yield* pass(40_000)
      assert.lengthOf(state.taken, 100)
    })
  )
})

describe("a failure that no event can get around", () => {
  it.effect("pauses an external handler and a transactional one, parks nothing, and ends by itself", () =>
    Effect.gen(function* () {
      const state = { locked: true, asked: 0, done: [] as Array<string> }
      const patient = withTags<Locked>({ Locked: { class: "fatal" } })(retry)
      const outside = external(noteStream, "outside", { retry: patient }, (delivery) => {
        state.asked += 1
        return state.locked ? new Locked() : Effect.sync(() => void state.done.push(`outside ${placeOf(delivery)}`))
      })
      const inside = transactional(noteStream, "inside", { retry: patient }, (delivery) => {
        state.asked += 1
        return state.locked ? new Locked() : atCommit(() => void state.done.push(`inside ${placeOf(delivery)}`))
      })
      const world = yield* running([outside, inside])
      yield* world.start("ada")
      yield* world.append(...many(10, 2))
      yield* pass(120_000, 50)
      assert.deepStrictEqual(world.tables.parked, [])
      assert.deepStrictEqual(state.done, [])
      assert.isBelow(state.asked, 100)
      const paused = world.signals.filter((one) => one._tag === "HandlerPaused").map((one) => one.handler)
      assert.sameMembers(paused, ["outside", "inside"])
      state.locked = false
      yield* pass(40_000, 50)
      assert.lengthOf(state.done, 40)
      for (const name of ["outside", "inside"])
        inOrder(state.done.filter((one) => one.startsWith(name)).map((one) => one.slice(name.length + 1)))
    })
  )
})

describe("a parking lot that is full", () => {
  it.effect("pauses its handler, loudly, and no other, until there is room again", () =>
    Effect.gen(function* () {
      const done: Array<string> = []
      const bad = transactional(noteStream, "bad", { retry }, (delivery) =>
        delivery.key === "key-0" ? Effect.die("a bug") : atCommit(() => void done.push(`bad ${placeOf(delivery)}`))
      )
      const good = external(noteStream, "good", { retry }, (delivery) =>
        Effect.sync(() => void done.push(`good ${placeOf(delivery)}`))
      )
      const world = yield* running([bad, good], undefined, { parkedEventsMax: 10, parkedEventsOfKeyMax: 5 })
      yield* world.start("ada")
      for (let i = 0; i < 6; i++) yield* world.append("key-0")
      yield* pass(3_000)
      assert.isAtLeast(world.tables.parked.length, 5)
      const [paused] = world.signals.filter((one) => one._tag === "HandlerPaused")
      assert.deepStrictEqual([paused?.handler, paused?.reason.includes("of one key")], ["bad", true])
      const before = world.tables.parked.length
      yield* world.append("key-0", "key-1")
      yield* pass(3_000)
      assert.lengthOf(world.tables.parked, before)
      assert.deepStrictEqual(done.filter((one) => one.startsWith("good")).length, 8)
      assert.notInclude(done, "bad key-1 1")
      yield* world.discard("bad", "key-0")
      yield* pass(3_000)
      assert.include(done, "bad key-1 1")
    })
  )
})

describe("a rate limit", () => {
  it.effect("lets events wait, in either kind of handler, and none of them fail", () =>
    Effect.gen(function* () {
      const times: Array<number> = []
      const note = Effect.flatMap(Clock.currentTimeMillis, (ms) => Effect.sync(() => void times.push(ms)))
      const limit = { retry, rate: { events: 10, per: "1 second" } } as const
      const handlers = [
        external(noteStream, "outside", limit, () => note),
        transactional(noteStream, "inside", limit, () => note)
      ]
      const world = yield* running(handlers)
      yield* world.start("ada")
      yield* world.append(...many(50))
      yield* pass(2_000)
      assert.isAtMost(times.length, 60)
      yield* pass(8_000)
      assert.lengthOf(times, 100)
      assert.deepStrictEqual(world.tables.parked, [])
      assert.isAbove((times.at(-1) ?? 0) - (times[0] ?? 0), 3_500)
    })
  )
})
