import { assert, describe, it } from "@effect/vitest"
import { Data, Duration, Effect, Layer } from "effect"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { rowKey } from "../../src/infra/memory/MemoryState.ts"
import { atCommit } from "../../src/infra/memory/MemoryTransactor.ts"
import { type Delivery, external, type Handler, transactional } from "../../src/pipeline/Handler.ts"
import { Inbox, type InboxCommit } from "../../src/pipeline/Inbox.ts"
import { windowEventsMax } from "../../src/pipeline/PartitionWorker.ts"
import { retryPolicy } from "../../src/pipeline/RetryPolicy.ts"
import { runSeeded } from "../../src/testing/SeededScheduler.ts"
import { type Noted, noteStream } from "../support/Ledger.ts"
import { pass, running } from "../support/Running.ts"

class Refused extends Data.TaggedError("Refused") {}

const retry = retryPolicy({ attemptsMax: 8, delayMax: Duration.minutes(5), attemptTimeout: Duration.seconds(15) })

type Note = Delivery<typeof Noted.Type>

type Kind = readonly [
  name: string,
  make: (run: (delivery: Note) => Effect.Effect<void, Refused>) => Handler<Refused>,
  record: (effect: () => void) => Effect.Effect<void>
]

const kinds: ReadonlyArray<Kind> = [
  ["transactional", (run) => transactional(noteStream, "notes", { retry }, run), atCommit],
  ["external", (run) => external(noteStream, "notes", { retry }, run), Effect.sync]
]

const placeOf = ({ key, version }: Note) => `${key} ${version}`

describe.each(kinds)("a key that a %s handler has put aside", (_, make, record) => {
  /** Refuses the first event of "bad" until it is told otherwise. */
  const mending = () => {
    const done: Array<string> = []
    const keys: Array<string> = []
    const state = { mended: false, attempts: [] as Array<number>, defect: true }
    const handler = make((delivery) => {
      if (delivery.key !== "bad" || state.mended) {
        return record(() => {
          done.push(placeOf(delivery))
          keys.push(delivery.idempotencyKey.split(":").at(-1) ?? "")
        })
      }
      state.attempts.push(delivery.attempt)
      return state.defect ? Effect.die(new TypeError("no such field")) : new Refused()
    })
    return { done, handler, keys, state }
  }

  it.effect("does not hold up the others, however many events come before its next attempt", () =>
    Effect.gen(function* () {
      const { done, handler, state } = mending()
      state.defect = false
      const world = yield* running([handler])
      yield* world.start("ada")
      yield* world.append("bad", "bad")
      // 0.2 + 0.4 + 0.8 s in memory; the next pause is of 1.6 s.
      yield* pass(1_900)
      const before = state.attempts.length
      assert.strictEqual(world.tables.parkedKeys.get(rowKey("notes", "bad"))?.status, "retrying")
      const more = windowEventsMax + 100
      yield* world.append(...Array.from({ length: more }, () => "ada"))
      yield* pass(600)
      assert.strictEqual(state.attempts.length, before, "the next attempt came too early")
      assert.lengthOf(done, more)
      state.mended = true
      yield* pass(3_000)
      yield* world.append("bad")
      yield* pass(500)
      assert.deepStrictEqual(done.slice(more), ["bad 1", "bad 2", "bad 3"])
      assert.deepStrictEqual([...new Set(state.attempts)], [1, 2, 3, 4])
      assert.deepStrictEqual(world.tables.parked, [])
      assert.strictEqual(world.tables.parkedKeys.size, 0)
    })
  )

  it.effect("is parked after as many attempts as its policy allows, those before it was put aside included", () =>
    Effect.gen(function* () {
      const { done, handler, state } = mending()
      state.defect = false
      const world = yield* running([handler])
      yield* world.start("ada")
      yield* world.append("bad", "ada")
      yield* pass(60_000, 100)
      assert.deepStrictEqual([...new Set(state.attempts)], [1, 2, 3, 4, 5, 6, 7, 8])
      const parked = world.tables.parkedKeys.get(rowKey("notes", "bad"))
      assert.deepStrictEqual([parked?.status, parked?.reason.tag], ["parked", "Refused"])
      assert.deepStrictEqual(
        parked?.history.map(({ attempt }) => attempt),
        [1, 2, 3, 4, 5, 6, 7, 8]
      )
      assert.deepStrictEqual(done, ["ada 1"])
      assert.lengthOf(
        world.signals.filter(({ _tag }) => _tag === "KeyParked"),
        1
      )
    })
  )

  it.effect("is replayed in order under a new generation, and goes on live without a gap", () =>
    Effect.gen(function* () {
      const { done, handler, keys, state } = mending()
      const world = yield* running([handler])
      yield* world.start("ada")
      yield* world.append("bad", "bad", "bad")
      yield* pass(200)
      yield* world.replay("notes", "bad")
      yield* pass(200)
      assert.strictEqual(world.tables.parkedKeys.get(rowKey("notes", "bad"))?.status, "parked")
      assert.strictEqual(world.tables.parked.length, 3, "a key that fails again is parked again, as it was")
      state.mended = true
      yield* world.append("bad")
      yield* world.replay("notes", "bad")
      yield* world.append("bad")
      yield* pass(500)
      yield* world.append("bad")
      yield* pass(500)
      assert.deepStrictEqual(
        done,
        [1, 2, 3, 4, 5, 6].map((version) => `bad ${version}`)
      )
      assert.deepStrictEqual(keys.slice(0, 3), ["2", "2", "2"])
      assert.strictEqual(keys.at(-1), "0")
      assert.deepStrictEqual(world.tables.progress.get(rowKey("notes", "bad")), { version: 6, parked: false })
    })
  )

  it.effect("goes on behind an event that is skipped, and with what is new when all was discarded", () =>
    Effect.gen(function* () {
      const { done, handler, state } = mending()
      const world = yield* running([handler])
      yield* world.start("ada")
      yield* world.append("bad", "bad", "bad")
      yield* pass(200)
      state.mended = true
      yield* world.skip("notes", "bad")
      yield* pass(500)
      assert.deepStrictEqual(done, ["bad 2", "bad 3"])
      state.mended = false
      yield* world.append("bad", "bad")
      yield* pass(200)
      yield* world.discard("notes", "bad")
      state.mended = true
      yield* pass(500)
      yield* world.append("bad")
      yield* pass(200)
      assert.deepStrictEqual(done, ["bad 2", "bad 3", "bad 6"])
      assert.deepStrictEqual(
        world.tables.discarded.map(({ event }) => event.version),
        [1, 4, 5]
      )
    })
  )

  it.effect("is tried by whoever owns its partition next, and its attempts go on being counted", () =>
    Effect.gen(function* () {
      const { done, handler, state } = mending()
      state.defect = false
      const world = yield* running([handler])
      const first = yield* world.start("ada")
      yield* world.append("bad")
      yield* pass(1_900)
      const before = Math.max(...state.attempts)
      yield* first.stop
      assert.lengthOf(world.tables.parked, 1)
      yield* world.start("bob")
      yield* pass(6_000)
      assert.isAbove(Math.max(...state.attempts), before)
      assert.deepStrictEqual(
        [...new Set(state.attempts)],
        Array.from({ length: Math.max(...state.attempts) }, (_, i) => i + 1)
      )
      state.mended = true
      yield* pass(60_000, 100)
      assert.deepStrictEqual(done, ["bad 1"])
    })
  )
})

describe("a replay that meets new events", () => {
  it.live("loses, doubles and reorders none, whenever they come", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 60; seed++) {
        const done = yield* runSeeded(meeting(seed), seed)
        assert.deepStrictEqual(done, [1, 2, 3, 4, 5, 6, 7], `seed ${seed}`)
      }
    })
  )

  /** What is put aside takes a while to be committed, so that it is in no place for as long. */
  const slowCommits = Layer.effect(
    Inbox,
    Effect.map(Inbox, (inbox) => ({
      ...inbox,
      commitOne: (one: InboxCommit) => Effect.andThen(Effect.sleep("15 millis"), inbox.commitOne(one))
    }))
  ).pipe(Layer.provideMerge(MemoryPipeline.layer))

  /** New events come 1 ms apart, beginning somewhere around the moment the key goes back. */
  const meeting = Effect.fnUntraced(function* (seed: number) {
    const done: Array<number> = []
    let mended = false
    const handler = external(noteStream, "notes", { retry }, ({ version }) =>
      mended ? Effect.sync(() => void done.push(version)) : Effect.die("a bug")
    )
    const world = yield* running([handler], slowCommits)
    yield* world.start("ada")
    yield* world.append("bad", "bad")
    yield* pass(1_000)
    mended = true
    yield* world.append("bad")
    yield* pass(seed, 1)
    yield* world.replay("notes", "bad")
    for (let i = 0; i < 4; i++) {
      yield* world.append("bad")
      yield* pass(seed % 7, 1)
    }
    yield* pass(3_000)
    return done
  }, Effect.scoped)
})
