import { assert, describe, it } from "@effect/vitest"
import { Context, Data, Duration, Effect, Layer, Stream } from "effect"
import { Overview } from "../../src/ops/Overview.ts"
import type { OverviewBody } from "../../src/ops/OverviewApi.ts"
import * as OverviewSampler from "../../src/ops/OverviewSampler.ts"
import { ControlDesk } from "../../src/pipeline/ControlDesk.ts"
import { balanced, external, type Handler, transactional } from "../../src/pipeline/Handler.ts"
import { StoreUnavailable } from "../../src/pipeline/PipelineError.ts"
import { rendezvousOwner } from "../../src/pipeline/Partition.ts"
import { PipelineView } from "../../src/pipeline/PipelineView.ts"
import { retryPolicy } from "../../src/pipeline/RetryPolicy.ts"
import { noteStream } from "../support/Ledger.ts"
import { pass, running } from "../support/Running.ts"

class Refused extends Data.TaggedError("Refused") {}

const retry = retryPolicy({ attemptsMax: 100, delayMax: Duration.seconds(1), attemptTimeout: Duration.seconds(15) })

/** A pipeline and who looks at it. */
const looking = Effect.fnUntraced(function* (handlers: ReadonlyArray<Handler>) {
  const world = yield* running(handlers)
  const view = Context.get(world.services, PipelineView)
  const store = { away: false, asked: 0 }
  const away = Effect.suspend(() => Effect.fail(new StoreUnavailable({ operation: "test", detail: "gone", cause: "" })))
  const facts: (typeof view)["facts"] = (stream, rowsMax) =>
    Effect.suspend(() => {
      store.asked += 1
      return store.away ? away : view.facts(stream, rowsMax)
    })
  const sampler = OverviewSampler.layer({
    declaration: { name: noteStream.name, subject: noteStream.subject, partitions: 1 },
    environment: "test",
    command: "pnpm start",
    version: "1",
    readOnly: false
  }).pipe(Layer.provide(Layer.succeedContext(Context.add(world.services, PipelineView, { ...view, facts }))))
  const overview = Context.get(yield* Layer.build(sampler), Overview)
  const desk = Context.get(world.services, ControlDesk)
  const change = (to: { readonly paused: boolean }) =>
    desk.change(noteStream.name, "test", { handler: "notes" }, to, { actor: "eve", why: "to see" })
  return { world, overview, store, change, now: overview.current }
})

const notes = transactional(noteStream, "notes", {}, () => Effect.void)

const of = (body: OverviewBody, name = "notes") => body.handlers.find((one) => one.name === name) ?? assert.fail(name)

describe("a pipeline at a glance", () => {
  it.effect("idle, then at work: rates, latency, owners", () =>
    Effect.gen(function* () {
      const { now, world } = yield* looking([notes])
      yield* world.start("ada")
      yield* pass(3_000)
      const before = yield* now
      assert.deepStrictEqual([before.rates.handled, before.latency, of(before).partitions.states], [0, null, "i"])
      assert.deepStrictEqual(
        before.instances.map(({ id, leads, partitions }) => [id, leads, partitions]),
        [["ada", true, 1]]
      )
      for (let i = 0; i < 80; i++) {
        yield* world.append(`k-${i % 7}`, `l-${i}`)
        yield* pass(100)
        if (i % 10 === 0) yield* now
      }
      const after = yield* now
      assert.isTrue(after.rates.handled > 10 && after.rates.handled < 30, String(after.rates.handled))
      assert.isTrue(after.rates.published > 10 && after.rates.published < 30, String(after.rates.published))
      assert.isNotNull(after.latency)
      assert.deepStrictEqual([of(after).lag, of(after).partitions.states, after.violations], [0, "a", 0])
    })
  )

  it.effect("nobody works: what waits is counted all the same, by the stream", () =>
    Effect.gen(function* () {
      const { now, world } = yield* looking([notes])
      const ada = yield* world.start("ada")
      yield* pass(1_000)
      yield* world.append("a", "b")
      yield* pass(1_000)
      yield* ada.stop
      const relay = yield* world.start("relay", [])
      yield* world.append("a", "b", "c")
      yield* pass(8_000)
      const body = yield* now
      assert.deepStrictEqual([of(body).partitions.states, of(body).lag], ["u", 3])
      assert.isAtLeast(of(body).oldestMs, 5_000)
      assert.isNull(of(body).drainSeconds)
      yield* relay.stop
    })
  )

  it.effect("what an instance said that is gone is not held against who has its partitions now", () =>
    Effect.gen(function* () {
      const { now, world } = yield* looking([
        external(noteStream, "notes", {}, ({ key }) => (key === "long" ? Effect.never : Effect.void))
      ])
      const gone =
        Array.from({ length: 20 }, (_, i) => `b-${i}`).find((id) => rendezvousOwner("notes", 0, ["ada", id]) === id) ??
        assert.fail()
      yield* world.start("ada")
      yield* pass(1_000)
      const other = yield* world.start(gone)
      yield* pass(2_000)
      yield* world.append("long", "a")
      yield* pass(2_000)
      assert.deepStrictEqual((yield* now).instances.find(({ id }) => id === gone)?.inHand, 2)
      yield* other.crash
      yield* pass(8_000)
      for (let i = 0; i < 60; i++) {
        yield* world.append(`k-${i}`)
        yield* pass(100)
        if (i % 10 === 0) yield* now
      }
      const body = yield* now
      assert.deepStrictEqual(
        body.instances.map(({ id, partitions }) => [id, partitions]),
        [
          ["ada", 1],
          [gone, 0]
        ]
      )
      assert.strictEqual(of(body).partitions.states, "a")
      assert.isAbove(of(body).partitions.perSecond[0] ?? 0, 5)
      assert.strictEqual(of(body).inHand, body.instances[0]?.inHand)
    })
  )

  it.effect("paused, resumed, and how long it will take", () =>
    Effect.gen(function* () {
      const { change, now, world } = yield* looking([notes])
      yield* world.start("ada")
      yield* change({ paused: true })
      yield* pass(2_000)
      yield* world.append("a", "b")
      yield* pass(2_000)
      const body = yield* now
      assert.deepStrictEqual([of(body).partitions.states, of(body).lag, of(body).paused?.actor], ["p", 2, "eve"])
      yield* change({ paused: false })
      yield* pass(3_000)
      assert.deepStrictEqual([of(yield* now).lag, of(yield* now).paused], [0, null])
    })
  )

  it.effect("failing, with the last error, and how it is parked", () =>
    Effect.gen(function* () {
      const fails = external(noteStream, "notes", { retry, breaker: "none" }, () => new Refused())
      const { now, overview, world } = yield* looking([fails])
      yield* world.start("ada")
      yield* world.append("bad")
      // It is put aside when a pause is longer than a second, which those of a second are half of the time: they are jittered.
      yield* pass(20_000)
      const body = yield* now
      assert.deepStrictEqual([of(body).partitions.states, of(body).retryingKeys], ["f", 1])
      assert.isAbove(of(body).partitions.failures[0] ?? 0, 1)
      const close = yield* overview.partition("notes", 0)
      assert.deepStrictEqual([close?.state, close?.owner, close?.lastError?.key], ["failing", "ada", "bad"])
      assert.match(close?.lastError?.message ?? "", /Refused/)
      assert.deepStrictEqual(close?.keysInFlight, [])
      assert.isUndefined(yield* overview.partition("notes", 1))
      assert.isUndefined(yield* overview.partition("nobody", 0))
    })
  )

  it.effect("a balanced handler is seen as a whole", () =>
    Effect.gen(function* () {
      const { now, world } = yield* looking([balanced(notes)])
      yield* world.start("ada")
      yield* world.append("a", "b", "c")
      yield* pass(3_000)
      const body = yield* now
      assert.deepStrictEqual([of(body).delivery, of(body).lag, of(body).partitions.states], ["balanced", 0, "i"])
      assert.isNotNull(of(body).latency)
    })
  )

  it.effect("a store that does not answer is named, and what was known stays", () =>
    Effect.gen(function* () {
      const { now, store, world } = yield* looking([notes])
      yield* world.start("ada")
      yield* pass(2_000)
      assert.deepStrictEqual((yield* now).stale, [])
      store.away = true
      yield* pass(2_000)
      const since = (yield* now).stale[0]?.sinceMs
      yield* pass(3_000)
      const body = yield* now
      assert.deepStrictEqual(
        body.stale.map(({ sinceMs, what }) => [what, sinceMs]),
        [["postgres", since]]
      )
      assert.match(body.stale[0]?.why ?? "", /gone/)
      assert.lengthOf(body.handlers, 1)
      store.away = false
      yield* pass(2_000)
      assert.deepStrictEqual((yield* now).stale, [])
    })
  )
})

describe("who watches", () => {
  it.effect("sees the present at once and a frame a second; all see the same, from one reading", () =>
    Effect.gen(function* () {
      const { overview, store, world } = yield* looking([notes])
      yield* world.start("ada")
      yield* pass(15_000)
      const before = store.asked
      const frames = (n: number) =>
        Effect.forkChild(Stream.runCollect(Stream.take(overview.frames, n)), { startImmediately: true })
      const one = yield* frames(5)
      const other = yield* frames(5)
      yield* pass(6_000)
      const [seen, same] = [one.pollUnsafe(), other.pollUnsafe()]
      assert.isTrue(seen !== undefined && same !== undefined)
      const asked = store.asked - before
      assert.isTrue(asked >= 5 && asked <= 8, String(asked))
    })
  )

  it.effect("charts have what was measured, also while nobody looked", () =>
    Effect.gen(function* () {
      const { overview, world } = yield* looking([notes])
      yield* world.start("ada")
      yield* pass(65_000)
      const quarter = yield* overview.history(15)
      assert.isTrue(quarter.atMs.length >= 6 && quarter.atMs.length <= 10, String(quarter.atMs.length))
      assert.isTrue(Object.values(quarter).every((column) => column.length === quarter.atMs.length))
      const day = yield* overview.history(1_440)
      assert.isTrue(day.atMs.length >= 2 && day.atMs.length <= 3, String(day.atMs.length))
    })
  )
})
