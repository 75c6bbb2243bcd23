import { assert, describe, it } from "@effect/vitest"
import { Context, Data, Duration, Effect, Fiber, Layer, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { MemoryState, rowKey } from "../../src/infra/memory/MemoryState.ts"
import { atCommit } from "../../src/infra/memory/MemoryTransactor.ts"
import * as EventStream from "../../src/pipeline/EventStream.ts"
import { type Delivery, external, type Handler, transactional } from "../../src/pipeline/Handler.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { retryPolicy } from "../../src/pipeline/RetryPolicy.ts"
import { SignalSink } from "../../src/pipeline/Signals.ts"
import { Transactor } from "../../src/pipeline/Transactor.ts"
import { Noted, noteStream } from "../support/Ledger.ts"

class Refused extends Data.TaggedError("Refused") {}

const retry = retryPolicy({ attemptsMax: 4, delayMax: Duration.minutes(5), attemptTimeout: Duration.seconds(15) })

const note = (key: string) => ({ _tag: "Noted" as const, key, text: "" })

/** A running pipeline of one partition. It is not stopped: that takes time, and only the test moves the clock. */
const running = Effect.fnUntraced(function* <E>(handler: Handler<E>) {
  const instance = { id: "one", host: "test", version: "test", roles: [] }
  const pipeline = Pipeline.layer(noteStream, [handler], { partitions: 1, instance })
  return yield* Layer.provideMerge(pipeline, MemoryPipeline.layer).pipe(
    Layer.buildWithScope(yield* Scope.make()),
    Effect.provideService(SignalSink, () => Effect.void)
  )
})

const pass = Effect.fnUntraced(function* (ms: number) {
  for (let passed = 0; passed < ms; passed += 20) yield* TestClock.adjust(20)
})

type Note = Delivery<typeof Noted.Type>

type Kind = readonly [
  name: string,
  make: (run: (delivery: Note) => Effect.Effect<void, Refused>) => Handler<Refused>,
  record: (effect: () => void) => Effect.Effect<void>
]

const kinds: ReadonlyArray<Kind> = [
  ["transactional", (run) => transactional(noteStream, "notes", { retry }, run), atCommit],
  ["external", (run) => external(noteStream, "notes", { retry, keysAtOnceMax: 2 }, run), Effect.sync]
]

describe.each(kinds)("a key whose %s handler fails", (_, make, record) => {
  it.effect("waits for its retries alone: the others are handled meanwhile, and its successors behind it", () =>
    Effect.gen(function* () {
      const done: Array<string> = []
      // When each attempt was last made: a batch that fails is tried again in parts, which is the same attempt.
      const tries = new Map<number, number>()
      const handler = make(({ attempt, key, version }) => {
        if (key !== "bad" || version !== 1) return record(() => done.push(`${key} ${version}`))
        return Effect.andThen(
          Effect.map(
            Effect.clockWith((clock) => clock.currentTimeMillis),
            (ms) => tries.set(attempt, ms)
          ),
          attempt < 4 ? new Refused() : record(() => done.push("bad 1"))
        )
      })
      const services = yield* running(handler)
      const { run } = Context.get(services, Transactor)
      const append = (...keys: ReadonlyArray<string>) =>
        run(noteStream.append(keys.map(note))).pipe(Effect.provideContext(services))
      yield* append("bad", "bad", "ada")
      yield* pass(100)
      assert.deepStrictEqual(done, ["ada 1"])
      for (let i = 2; i <= 6; i++) {
        yield* append("ada", "bob")
        yield* pass(80)
        assert.include(done, `ada ${i}`, `ada waited for the bad key: ${done.join()}`)
        assert.include(done, `bob ${i - 1}`)
      }
      yield* pass(4_000)
      assert.deepStrictEqual(
        done.filter((text) => text.startsWith("bad")),
        ["bad 1", "bad 2"]
      )
      const times = [...tries.values()]
      const pauses = times.slice(1).map((at, i) => at - (times[i] ?? 0))
      assert.strictEqual(pauses.length, 3)
      for (const [i, pause] of pauses.entries()) {
        const expected = 200 * 2 ** i
        assert.isTrue(pause > expected * 0.8 - 20 && pause < expected * 1.2 + 60, `pause ${i + 1} took ${pause} ms`)
      }
    })
  )

  it.effect(
    "is parked with its reason when they are used up, and at once for a bug; what follows is parked behind it",
    () =>
      Effect.gen(function* () {
        const done: Array<string> = []
        const handler = make(({ key, version }) => {
          if (key === "bad") return new Refused()
          return key === "bug"
            ? Effect.die(new TypeError("no such field"))
            : record(() => done.push(`${key} ${version}`))
        })
        const services = yield* running(handler)
        const { run } = Context.get(services, Transactor)
        const tables = Context.get(services, MemoryState).of("t")
        const append = (...keys: ReadonlyArray<string>) =>
          run(noteStream.append(keys.map(note))).pipe(Effect.provideContext(services))
        yield* append("bad", "bug", "ada", "bug", "bad")
        yield* pass(6_000)
        yield* append("bad", "ada")
        yield* pass(1_000)
        assert.deepStrictEqual(done, ["ada 1", "ada 2"])
        const parked = (of: string) =>
          tables.parked.flatMap(({ event, reason }) =>
            event.key === of ? [[event.version, reason?.tag, reason?.attempts]] : []
          )
        assert.deepStrictEqual(parked("bad"), [
          [1, "Refused", 4],
          [2, undefined, undefined],
          [3, undefined, undefined]
        ])
        assert.deepStrictEqual(parked("bug"), [
          [1, "TypeError", 1],
          [2, undefined, undefined]
        ])
        assert.deepStrictEqual(tables.progress.get(rowKey("notes", "bad")), { version: 3, parked: true })
        assert.strictEqual(tables.parked.find(({ event }) => event.key === "bug")?.reason?.message, "no such field")
      })
  )
})

describe("an event that cannot be read", () => {
  it.effect("is parked with the field that does not fit, its key stops, and nothing loops", () =>
    Effect.gen(function* () {
      const Older = Schema.TaggedStruct("Noted", { key: Schema.String, text: Schema.Int })
      const older = EventStream.make("t", { subject: "t", events: { noted: Older }, key: (event) => event.key })
      const done: Array<string> = []
      let runs = 0
      const handler = transactional(noteStream, "notes", { retry }, ({ key, version }) => {
        runs += 1
        return atCommit(() => done.push(`${key} ${version}`))
      })
      const services = yield* running(handler)
      const { run } = Context.get(services, Transactor)
      const tables = Context.get(services, MemoryState).of("t")
      const fiber = yield* run(
        Effect.gen(function* () {
          yield* noteStream.append([note("ada"), note("bob")])
          yield* older.append([{ _tag: "Noted", key: "ada", text: 7 }])
          yield* noteStream.append([note("ada"), note("bob")])
        })
      ).pipe(Effect.provideContext(services), Effect.forkChild)
      yield* pass(10_000)
      yield* Fiber.join(fiber)
      assert.sameMembers(done, ["ada 1", "bob 1", "bob 2"])
      assert.strictEqual(runs, 3)
      const [first, second, ...more] = tables.parked
      assert.strictEqual(first?.reason?.tag, "DecodeFailed")
      assert.include(first?.reason?.message, '["text"]')
      assert.deepStrictEqual([first?.event.version, second?.event.version, second?.reason], [2, 3, undefined])
      assert.deepStrictEqual(more, [])
      assert.deepStrictEqual(tables.violations, [])
      assert.strictEqual(tables.leases.get(rowKey("notes", 0))?.cursor, 5)
    })
  )
})
