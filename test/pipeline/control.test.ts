import { assert, describe, it } from "@effect/vitest"
import { Context, Effect } from "effect"
import { type ControlChange, ControlDesk, type ControlTarget } from "../../src/pipeline/ControlDesk.ts"
import { balanced, external, type Handler, transactional } from "../../src/pipeline/Handler.ts"
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
