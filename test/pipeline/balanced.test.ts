import { assert, describe, it } from "@effect/vitest"
import { Context, Data, Duration, Effect, Latch, Layer, Schedule } from "effect"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { MemoryBroker } from "../../src/infra/memory/MemoryBroker.ts"
import { rowKey } from "../../src/infra/memory/MemoryState.ts"
import { atCommit } from "../../src/infra/memory/MemoryTransactor.ts"
import { runAudit } from "../../src/pipeline/Audit.ts"
import { balanced, type Delivery, external, type Handler, transactional } from "../../src/pipeline/Handler.ts"
import { EventLog, type SharedSubscription } from "../../src/pipeline/EventLog.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { retryPolicy } from "../../src/pipeline/RetryPolicy.ts"
import { type Noted, noteStream } from "../support/Ledger.ts"
import { pass, running } from "../support/Running.ts"

class Refused extends Data.TaggedError("Refused") {}

const retry = retryPolicy({
  attemptsMax: 4,
  delayMax: Duration.seconds(2),
  attemptTimeout: Duration.minutes(10)
})

type Note = Delivery<typeof Noted.Type>

type Run = (delivery: Note) => Effect.Effect<void, Refused>

type Kind = readonly [
  name: string,
  make: (run: Run, options?: Partial<Parameters<typeof external>[2]>) => Handler<Refused>,
  record: (effect: () => void) => Effect.Effect<void>
]

const kinds: ReadonlyArray<Kind> = [
  ["transactional", (run) => balanced(transactional(noteStream, "notes", { retry }, run)), atCommit],
  ["external", (run) => balanced(external(noteStream, "notes", { retry, breaker: "none" }, run)), Effect.sync]
]

const placeOf = ({ key, version }: Note) => `${key} ${version}`

const many = (count: number) => Array.from({ length: count }, (_, i) => `key-${i % 10}`)

describe.each(kinds)("a balanced %s handler", (_, make, record) => {
  it.effect("handles every event once, however many instances there are", () =>
    Effect.gen(function* () {
      const done: Array<string> = []
      const handler = make((delivery) => record(() => done.push(placeOf(delivery))))
      const world = yield* running([handler])
      yield* world.start("ada")
      yield* world.start("bob")
      yield* world.append(...many(500))
      yield* pass(3_000)
      assert.lengthOf(done, 500)
      assert.strictEqual(new Set(done).size, 500)
      // Behind the floor there is a version per key.
      yield* pass(8_000)
      assert.strictEqual(world.tables.handled.size, 0)
      assert.strictEqual(world.tables.progress.get(rowKey("notes", "key-3"))?.version, 50)
    })
  )

  it.effect("puts an event that fails aside, alone: its key's others go on, before and behind it", () =>
    Effect.gen(function* () {
      const done: Array<string> = []
      const attempts: Array<string> = []
      const state = { mended: false }
      const handler = make((delivery) => {
        if (delivery.version !== 2 || state.mended) return record(() => done.push(placeOf(delivery)))
        attempts.push(delivery.idempotencyKey.slice(-2) + delivery.attempt)
        return new Refused()
      })
      const world = yield* running([handler])
      yield* world.start("ada")
      yield* world.append("a", "a", "a", "b")
      yield* pass(1_000)
      assert.sameMembers(done, ["a 1", "a 3", "b 1"])
      assert.strictEqual(world.tables.parkedKeys.get(rowKey("notes", "a@2"))?.status, "retrying")
      yield* pass(20_000)
      // The first of a transactional handler may have been tried with others, before it stood alone.
      assert.deepStrictEqual([...new Set(attempts)], [":01", ":02", ":03", ":04"])
      assert.strictEqual(world.tables.parkedKeys.get(rowKey("notes", "a@2"))?.status, "parked")
      assert.lengthOf(
        world.signals.filter(({ _tag }) => _tag === "EventParked" || _tag === "KeyParked"),
        1
      )
      yield* world.append("a")
      yield* pass(1_000)
      assert.include(done, "a 4")
      state.mended = true
      yield* world.replay("notes", "a@2")
      yield* pass(2_000)
      assert.sameMembers(done, ["a 1", "a 2", "a 3", "a 4", "b 1"])
      assert.deepStrictEqual([world.tables.parkedKeys.size, world.tables.parked.length], [0, 0])
      assert.isTrue((yield* Effect.provideContext(runAudit(noteStream.name), world.services)).ok)
    })
  )

  it.effect("says why an event failed, and what was behind that", () =>
    Effect.gen(function* () {
      const cause = new Error("it failed", { cause: new Error("new row violates a constraint") })
      const world = yield* running([make(() => Effect.die(cause))])
      yield* world.start("ada")
      yield* world.append("a")
      yield* pass(1_000)
      const { reason } = world.tables.parkedKeys.get(rowKey("notes", "a@1")) ?? {}
      assert.strictEqual(reason?.message, "it failed: new row violates a constraint")
    })
  )

  it.effect("ends the attempts of an event when its schedule throws, and goes on with the others", () =>
    Effect.gen(function* () {
      const done: Array<string> = []
      const broken = Schedule.spaced("100 millis").pipe(
        Schedule.map(() => Effect.die(new TypeError("the schedule has a bug")))
      )
      const handler = {
        ...make((delivery) => (delivery.key === "bad" ? new Refused() : record(() => done.push(delivery.key)))),
        retry: { ...retry, schedule: broken }
      }
      const world = yield* running([handler])
      yield* world.start("ada")
      yield* world.append("a", "bad", "c", "d")
      yield* pass(5_000)
      assert.sameMembers(done, ["a", "c", "d"])
      assert.strictEqual(world.tables.parkedKeys.get(rowKey("notes", "bad@1"))?.status, "parked")
    })
  )

  it.effect("passes what a crashed instance has in hand to the others, and nothing is given up", () =>
    Effect.gen(function* () {
      const done: Array<string> = []
      const stuck = make(() => Effect.never)
      const handler = make((delivery) => record(() => done.push(placeOf(delivery))))
      const world = yield* running([handler])
      const ada = yield* world.start("ada", [stuck])
      yield* pass(1_000)
      yield* world.append(...many(30))
      yield* pass(1_000)
      yield* world.start("bob")
      yield* ada.crash
      yield* pass(29_000)
      yield* pass(4_000)
      assert.lengthOf(done, 30)
      assert.strictEqual(new Set(done).size, 30)
      assert.strictEqual(world.tables.parkedKeys.size, 0)
    })
  )

  it.effect("handles again what a restored store does not know, whatever the broker has behind it", () =>
    Effect.gen(function* () {
      const done: Array<string> = []
      const handler = make((delivery) => record(() => done.push(delivery.key)))
      const world = yield* running([handler])
      const ada = yield* world.start("ada")
      yield* world.append("a", "b", "c")
      yield* pass(8_000)
      const { handled, leases, progress } = world.tables
      const before = structuredClone({
        handled: [...handled],
        progress: [...progress],
        cursors: [...leases].map(([at, { cursor }]) => [at, cursor] as const)
      })
      yield* world.append("d", "e", "f")
      yield* pass(1_500)
      yield* ada.stop
      assert.deepStrictEqual(done.toSorted(), ["a", "b", "c", "d", "e", "f"])
      // The last commits of the handler are lost: a standby took over that did not have them.
      handled.clear()
      progress.clear()
      for (const [at, row] of before.handled) handled.set(at, row)
      for (const [at, row] of before.progress) progress.set(at, row)
      for (const [at, cursor] of before.cursors) Object.assign(leases.get(at) ?? {}, { cursor })
      done.length = 0
      yield* world.start("bob")
      yield* pass(15_000)
      assert.deepStrictEqual(done.toSorted(), ["d", "e", "f"])
      assert.isTrue(world.signals.some(({ _tag }) => _tag === "LedgerBehind"))
      assert.isTrue((yield* Effect.provideContext(runAudit(noteStream.name), world.services)).ok)
    })
  )

  it.effect("stops at once when what it has in hand waits for its gate", () =>
    Effect.gen(function* () {
      const handler = { ...make(() => new Refused()), retry: { ...retry, classify: () => "fatal" as const } }
      const world = yield* running([handler])
      const ada = yield* world.start("ada")
      yield* world.append(...many(10))
      yield* pass(4_000)
      let isStopped = false
      yield* Effect.forkChild(Effect.map(ada.stop, () => (isStopped = true)))
      yield* pass(2_000)
      assert.isTrue(isStopped, "it took as long as a drain may take")
    })
  )

  it.effect("keeps its name for itself: an ordered one needs another", () =>
    Effect.gen(function* () {
      const world = yield* running([make(() => Effect.void)])
      const ada = yield* world.start("ada")
      yield* ada.stop
      const ordered = transactional(noteStream, "notes", { retry }, () => Effect.void)
      const options = { partitions: 1, instance: { id: "bob", host: "test", version: "", roles: [] } }
      const failure = yield* Layer.build(Pipeline.layer(noteStream, [ordered], options)).pipe(
        Effect.provideContext(world.services),
        Effect.scoped,
        Effect.flip
      )
      assert.strictEqual(failure._tag, "StreamMismatch")
      assert.include(failure.message, "notes was balanced before")
    })
  )
})

describe("a balanced handler", () => {
  it.effect("finds out that its store failed over, also while nothing else happens", () =>
    Effect.gen(function* () {
      const done: Array<string> = []
      const handler = balanced(
        transactional(noteStream, "notes", { retry }, ({ key }) => atCommit(() => done.push(key)))
      )
      const world = yield* running([handler])
      yield* world.start("ada")
      yield* world.append("a", "b", "c")
      yield* pass(8_000)
      const cursor = world.tables.leases.get(rowKey("notes", 0))?.cursor
      yield* world.append("d", "e")
      yield* pass(8_000)
      // The standby lacks the last commits; the instance lives on, and so does its lease.
      for (const key of ["d", "e"]) {
        world.tables.progress.delete(rowKey("notes", key))
        world.tables.handled.delete(rowKey("notes", key, 1))
      }
      Object.assign(world.tables.leases.get(rowKey("notes", 0)) ?? {}, { cursor })
      done.length = 0
      yield* pass(45_000)
      assert.sameMembers(done, ["d", "e"])
    })
  )

  it.effect("goes back with the generation of a store that failed over, and not twice", () =>
    Effect.gen(function* () {
      const done: Array<string> = []
      const handler = balanced(
        external(noteStream, "notes", { retry, breaker: "none" }, ({ key }) => Effect.sync(() => void done.push(key)))
      )
      const world = yield* running([handler])
      world.tables.relay.rewinds = 1
      yield* world.start("ada")
      yield* pass(3_000)
      world.tables.relay.rewinds = 0
      yield* pass(4_000)
      yield* world.start("bob")
      yield* pass(3_000)
      yield* world.append(...many(20))
      yield* pass(20_000)
      assert.lengthOf(done, 20)
      assert.strictEqual(world.tables.handled.size, 0)
    })
  )

  it.effect("tries an event again when something else than the handler had a bug", () =>
    Effect.gen(function* () {
      const done: Array<string> = []
      const state = { mended: false }
      const handler = balanced(
        external(
          noteStream,
          "notes",
          { retry: { ...retry, classify: () => "fatal" as const }, breaker: "none" },
          ({ key }) => (state.mended ? Effect.sync(() => void done.push(key)) : new Refused())
        )
      )
      const world = yield* running([handler])
      const push = world.signals.push.bind(world.signals)
      // A sink of signals that throws, once.
      world.signals.push = (...signals) => {
        if (state.mended || signals[0]?._tag !== "HandlerPaused") return push(...signals)
        throw new TypeError("a bug in the sink")
      }
      yield* world.start("ada")
      yield* world.append("a", "b", "c")
      yield* pass(5_000)
      state.mended = true
      yield* pass(60_000)
      assert.sameMembers(done, ["a", "b", "c"])
    })
  )
})

describe("an event in the hands of a balanced handler", () => {
  it.effect("that is published again at another sequence is acknowledged there, and nothing else in its stead", () =>
    Effect.gen(function* () {
      const done: Array<string> = []
      const doors = { slow: yield* Latch.make(false), late: yield* Latch.make(false) }
      const handler = (who: string) =>
        balanced(
          external(noteStream, "notes", { retry, breaker: "none" }, ({ key }) =>
            Effect.gen(function* () {
              if (who === "ada" && key === "slow") yield* doors.slow.await
              if (who === "ada" && key === "late") yield* doors.late.await
              done.push(key)
            })
          )
        )
      const world = yield* running([handler("ada")])
      const ada = yield* world.start("ada")
      yield* pass(2_000)
      yield* world.append("a", "b", "c", "slow")
      yield* pass(3_000)
      const refs = yield* Context.get(world.services, EventLog).refs(noteStream.name, 1, 4)
      yield* Context.get(world.services, MemoryBroker).loseTail(noteStream.name, 3)
      // All but "b" were kept: "slow" comes to 3, where it was at 4.
      for (const { eventId, key, outboxId: id, version } of refs.filter((ref) => ref.key !== "b")) {
        const payload = JSON.stringify({ _tag: "Noted", key, text: "" })
        const row = { id, eventId, key, version, slot: 0, type: "noted", traceparent: "", payload }
        world.tables.outbox.set(id, { ...row, again: true })
      }
      yield* pass(8_000)
      assert.strictEqual(world.tables.relay.rewinds, 1)
      yield* world.append("late")
      yield* pass(3_000)
      yield* doors.slow.open
      yield* pass(8_000)
      assert.strictEqual(world.tables.leases.get(rowKey("notes", 0))?.cursor, 3)
      yield* ada.crash
      yield* pass(1_000)
      yield* world.start("bob", [handler("bob")])
      yield* pass(60_000)
      assert.sameMembers(done, ["a", "b", "c", "slow", "late"])
      assert.strictEqual(world.tables.leases.get(rowKey("notes", 0))?.cursor, 4)
    })
  )

  it.effect.each([{ keysAtOnceMax: 1 }, { keysAtOnceMax: 64, rate: { events: 1, per: "2 seconds" } }] as const)(
    "is not begun when another instance may have handled it, and has: %j",
    (limits) =>
      Effect.gen(function* () {
        const done: Array<string> = []
        const handler = balanced(
          external(noteStream, "notes", { retry, breaker: "none", ...limits }, (delivery) =>
            Effect.andThen(
              Effect.sleep("1 second"),
              Effect.sync(() => void done.push(placeOf(delivery)))
            )
          )
        )
        const muted = { off: false }
        const world = yield* running([handler], mutable(muted))
        yield* world.start("ada")
        yield* pass(2_000)
        yield* world.append(...many(20))
        yield* pass(2_000)
        yield* world.start("bob")
        muted.off = true
        yield* pass(45_000)
        muted.off = false
        yield* pass(180_000)
        const twice = [...Map.groupBy(done, (place) => place).values()].filter((times) => times.length > 1)
        assert.strictEqual(new Set(done).size, 20)
        // What it was at when the others got it may have been done again; what it had not begun may not.
        assert.isAtMost(twice.length, 1, twice.join())
      })
  )
})

/** The memory adapters, on which what the first instance tells the broker gets lost while it is `off`, and is noticed. */
const mutable = (muted: { readonly off: boolean }): typeof MemoryPipeline.layer =>
  Layer.effect(
    EventLog,
    Effect.map(EventLog, (log) => {
      let doubts = 0
      let instances = 0
      const mute = (shared: SharedSubscription): SharedSubscription => ({
        ...shared,
        inProgress: Effect.suspend(() => {
          if (!muted.off) return shared.inProgress
          doubts += 1
          return Effect.void
        }),
        doubts: () => doubts,
        acknowledge: (deliveries) => Effect.suspend(() => (muted.off ? Effect.void : shared.acknowledge(deliveries)))
      })
      return EventLog.of({
        ...log,
        share: (declaration, from) => {
          instances += 1
          const isFirst = instances === 1
          return Effect.map(log.share(declaration, from), (shared) => (isFirst ? mute(shared) : shared))
        }
      })
    })
  ).pipe(Layer.provideMerge(MemoryPipeline.layer)) as typeof MemoryPipeline.layer
