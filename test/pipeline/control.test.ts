import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Data, Duration, Effect } from "effect"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { type ControlChange, ControlDesk, type ControlTarget } from "../../src/pipeline/ControlDesk.ts"
import { balanced, external, type Handler, transactional } from "../../src/pipeline/Handler.ts"
import { partitionOf, slotOf } from "../../src/pipeline/Partition.ts"
import { retryPolicy, withTags } from "../../src/pipeline/RetryPolicy.ts"
import { noteStream } from "../support/Ledger.ts"
import { pass, running } from "../support/Running.ts"

const placeOf = ({ key, version }: { readonly key: string; readonly version: number }) => `${key} ${version}`

const kinds: ReadonlyArray<readonly [string, (take: (place: string) => void) => Handler]> = [
  ["transactional", (take) => transactional(noteStream, "notes", {}, (one) => Effect.sync(() => take(placeOf(one))))],
  ["external", (take) => external(noteStream, "notes", {}, (one) => Effect.sync(() => take(placeOf(one))))],
  [
    "balanced",
    (take) => balanced(transactional(noteStream, "notes", {}, (one) => Effect.sync(() => take(placeOf(one)))))
  ],
  [
    "balanced external",
    (take) => balanced(external(noteStream, "notes", {}, (one) => Effect.sync(() => take(placeOf(one)))))
  ]
]

const controlled = Effect.fnUntraced(function* (make: (take: (place: string) => void) => Handler) {
  const taken: Array<string> = []
  const world = yield* running([make((place) => void taken.push(place))])
  const desk = Context.get(world.services, ControlDesk)
  const by = { actor: "eve", why: "to see" }
  const change = (target: ControlTarget, to: ControlChange) => desk.change(noteStream.name, "test", target, to, by)
  return { world, taken, change }
})

const ten = Array.from({ length: 10 }, (_, i) => `key-${i % 3}`)

const inOrder = (taken: ReadonlyArray<string>) => {
  for (const [key, places] of Map.groupBy(taken, (place) => place.split(" ")[0] ?? ""))
    assert.deepStrictEqual(
      places,
      places.map((_, i) => `${key} ${i + 1}`)
    )
}

describe.each(kinds)("what operators want of a %s handler", (name, make) => {
  it.effect("paused, it begins nothing until it is resumed; then all is handled in order", () =>
    Effect.gen(function* () {
      const { change, taken, world } = yield* controlled(make)
      yield* world.start("ada")
      yield* world.append(...ten)
      yield* pass(2_000)
      assert.lengthOf(taken, 10)
      yield* change({ handler: "notes" }, { paused: true })
      yield* pass(1_500)
      yield* world.append(...ten)
      yield* pass(40_000)
      assert.lengthOf(taken, 10)
      yield* change({ handler: "notes" }, { paused: false })
      yield* pass(3_000)
      assert.lengthOf(taken, 20)
      if (!name.startsWith("balanced")) inOrder(taken)
    })
  )

  it.effect("a pause holds for an instance that is started later, and does not keep one from leaving", () =>
    Effect.gen(function* () {
      const { change, taken, world } = yield* controlled(make)
      yield* change({}, { paused: true })
      const ada = yield* world.start("ada")
      yield* world.append(...ten)
      yield* pass(3_000)
      yield* ada.stop
      yield* world.start("bob")
      yield* pass(5_000)
      // The first beat tells it, and it takes nothing before.
      assert.lengthOf(taken, 0)
      yield* change({}, { paused: false })
      yield* pass(5_000)
      assert.lengthOf(taken, 10)
    })
  )

  it.effect("throttled, it handles so many a second; unthrottled, what waits goes at once", () =>
    Effect.gen(function* () {
      const { change, taken, world } = yield* controlled(make)
      yield* change({ handler: "notes" }, { perSecond: 0.5 })
      yield* world.start("ada")
      yield* world.append(...ten)
      yield* pass(9_000)
      assert.isAtLeast(taken.length, 3)
      assert.isAtMost(taken.length, 6)
      yield* change({ handler: "notes" }, { perSecond: null })
      yield* pass(2_500)
      assert.lengthOf(taken, 10)
    })
  )

  it.effect("an instance that is drained gives all it has to the others, and takes it back when it may", () =>
    Effect.gen(function* () {
      const { change, taken, world } = yield* controlled(make)
      yield* world.start("ada")
      yield* world.append(...ten)
      yield* pass(2_000)
      yield* change({ instance: "ada" }, { draining: true })
      yield* pass(3_000)
      assert.isTrue([...world.tables.leases.values()].every(({ owner }) => owner === undefined))
      yield* world.append(...ten)
      yield* pass(5_000)
      assert.lengthOf(taken, 10)
      yield* world.start("bob")
      yield* pass(5_000)
      assert.lengthOf(taken, 20)
      assert.isTrue([...world.tables.leases.values()].every(({ owner }) => owner === "bob"))
      yield* change({ instance: "ada" }, { draining: false })
      yield* change({ instance: "bob" }, { draining: true })
      yield* pass(5_000)
      yield* world.append(...ten)
      yield* pass(5_000)
      assert.lengthOf(taken, 30)
      assert.isTrue([...world.tables.leases.values()].every(({ owner }) => owner === "ada"))
      if (!name.startsWith("balanced")) inOrder(taken)
    })
  )
})

describe("one partition", () => {
  it.effect("is paused by itself", () =>
    Effect.gen(function* () {
      const { change, taken, world } = yield* controlled(kinds[0]?.[1] ?? assert.fail())
      yield* change({ handler: "notes", partition: 0 }, { paused: true })
      yield* world.start("ada")
      yield* world.append(...ten)
      yield* pass(3_000)
      assert.lengthOf(taken, 0)
      yield* change({ handler: "notes" }, { paused: false })
      yield* pass(3_000)
      assert.lengthOf(taken, 10)
      inOrder(taken)
    })
  )

  it.effect("another one is not", () =>
    Effect.gen(function* () {
      const { change, taken, world } = yield* controlled(kinds[1]?.[1] ?? assert.fail())
      yield* change({ handler: "notes", partition: 1 }, { paused: true })
      yield* world.start("ada")
      yield* world.append(...ten)
      yield* pass(3_000)
      assert.lengthOf(taken, 10)
    })
  )
})

class Refused extends Data.TaggedError("Refused") {}

class Locked extends Data.TaggedError("Locked") {}

const retry = retryPolicy({ attemptsMax: 3, delayMax: Duration.seconds(1), attemptTimeout: Duration.seconds(15) })

const inPartition = (partition: number, n: number) =>
  Array.from({ length: 200 }, (_, i) => `key-${i}`)
    .filter((key) => partitionOf(slotOf(key), { partitions: 2 }) === partition)
    .slice(0, n)

const mine = inPartition(0, 6)
const others = inPartition(1, 6)

describe("a partition that is paused leaves to the others what all share", () => {
  const desked = Effect.fnUntraced(function* (handler: Handler) {
    const world = yield* running([handler], MemoryPipeline.layer, { partitions: 2 })
    const desk = Context.get(world.services, ControlDesk)
    const change = (to: ControlChange) =>
      desk.change(noteStream.name, "test", { handler: "notes", partition: 0 }, to, { actor: "eve", why: "to see" })
    return { world, change }
  })

  it.effect("the slots of an external handler, with what it is about to do when the pause comes", () =>
    Effect.gen(function* () {
      const taken: Array<string> = []
      const options = { keysAtOnceMax: 2, rate: { events: 1, per: "1 second" as const } }
      const { change, world } = yield* desked(
        external(noteStream, "notes", options, (one) => Effect.sync(() => void taken.push(placeOf(one))))
      )
      yield* world.start("ada")
      yield* world.append(...mine, ...mine)
      yield* pass(2_500)
      yield* change({ paused: true })
      yield* pass(1_500)
      const before = taken.length
      yield* world.append(...others)
      yield* pass(30_000)
      assert.sameMembers(
        taken.slice(before),
        others.map((key) => `${key} 1`)
      )
      yield* change({ paused: false })
      yield* pass(30_000)
      assert.lengthOf(taken, 18)
      inOrder(taken)
    })
  )

  it.effect("the places of what was put aside, whose attempts do not count meanwhile", () =>
    Effect.gen(function* () {
      const taken: Array<string> = []
      const state = { down: true }
      const handler = external(noteStream, "notes", { retry, keysAtOnceMax: 1, breaker: "none" }, (one) =>
        Effect.suspend(() => (state.down ? new Refused() : Effect.sync(() => void taken.push(placeOf(one)))))
      )
      const { change, world } = yield* desked(handler)
      yield* world.start("ada")
      yield* world.append(...mine, ...others)
      yield* pass(20_000)
      assert.strictEqual(world.tables.parkedKeys.size, 12)
      state.down = false
      yield* change({ paused: true })
      yield* pass(1_500)
      for (const key of [...mine, ...others]) yield* world.replay("notes", key)
      yield* pass(10_000)
      assert.sameMembers(
        taken,
        others.map((key) => `${key} 1`)
      )
      yield* change({ paused: false })
      yield* pass(10_000)
      assert.lengthOf(taken, 12)
    })
  )

  for (const [name, make] of [
    ["external", external],
    ["transactional", transactional]
  ] as const)
    it.effect(`the one try after a fatal failure of a handler that is ${name}`, () =>
      Effect.gen(function* () {
        const taken: Array<string> = []
        const state = { locked: true }
        const fatal = withTags<Locked>({ Locked: { class: "fatal" } })(retry)
        const { change, world } = yield* desked(
          make(noteStream, "notes", { retry: fatal }, (one) =>
            Effect.suspend(() => (state.locked ? new Locked() : Effect.sync(() => void taken.push(placeOf(one)))))
          )
        )
        yield* world.start("ada")
        yield* world.append(...mine)
        yield* pass(5_000)
        yield* world.append(...others)
        yield* pass(5_000)
        state.locked = false
        yield* change({ paused: true })
        yield* pass(60_000)
        assert.sameMembers(
          taken,
          others.map((key) => `${key} 1`)
        )
      })
    )
})

describe.each(kinds.slice(2))("a %s handler that was drained", (_, make) => {
  const slow = () => {
    const taken: Array<string> = []
    const begun: Array<string> = []
    const run = (place: string) =>
      Effect.sync(() => begun.push(place)).pipe(
        Effect.andThen(Effect.sleep("3 seconds")),
        Effect.andThen(Effect.sync(() => taken.push(place)))
      )
    const plain = make(() => undefined)
    const handler =
      plain.mode === "external"
        ? balanced(external(noteStream, "notes", {}, (one) => run(placeOf(one))))
        : balanced(transactional(noteStream, "notes", {}, (one) => run(placeOf(one))))
    return { taken, begun, handler }
  }

  it.effect("and takes part again finishes what is in hand when it is stopped, and stops at once then", () =>
    Effect.gen(function* () {
      const { begun, handler, taken } = slow()
      const world = yield* running([handler])
      const desk = Context.get(world.services, ControlDesk)
      const change = (to: ControlChange) =>
        desk.change(noteStream.name, "test", { instance: "ada" }, to, { actor: "eve", why: "to see" })
      const ada = yield* world.start("ada")
      yield* pass(2_000)
      yield* change({ draining: true })
      yield* pass(2_000)
      yield* change({ draining: false })
      yield* pass(2_000)
      yield* world.append("a")
      yield* pass(1_000)
      assert.lengthOf(begun, 1)
      const before = yield* Clock.currentTimeMillis
      yield* ada.stop
      assert.isBelow((yield* Clock.currentTimeMillis) - before, 6_000)
      assert.lengthOf(taken, 1)
    })
  )

  it.effect("and is stopped meanwhile finishes what is in hand too", () =>
    Effect.gen(function* () {
      const { begun, handler, taken } = slow()
      const world = yield* running([handler])
      const desk = Context.get(world.services, ControlDesk)
      const by = { actor: "eve", why: "to see" }
      const ada = yield* world.start("ada")
      yield* pass(2_000)
      yield* world.append("a")
      yield* pass(500)
      yield* desk.change(noteStream.name, "test", { instance: "ada" }, { draining: true }, by)
      yield* pass(1_200)
      assert.deepStrictEqual([begun.length, taken.length], [1, 0])
      yield* ada.stop
      assert.lengthOf(taken, 1)
    })
  )
})
