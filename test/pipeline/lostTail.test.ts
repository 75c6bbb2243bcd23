import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { MemoryBroker } from "../../src/infra/memory/MemoryBroker.ts"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { MemoryState, rowKey } from "../../src/infra/memory/MemoryState.ts"
import { balanced, external } from "../../src/pipeline/Handler.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { relayTimingDefault } from "../../src/pipeline/Relay.ts"
import { SignalSink } from "../../src/pipeline/Signals.ts"
import { Transactor } from "../../src/pipeline/Transactor.ts"
import { runSeeded } from "../../src/testing/SeededScheduler.ts"
import { noteStream } from "../support/Ledger.ts"
import { running } from "../support/Running.ts"

const pass = Effect.fnUntraced(function* (ms: number) {
  for (let passed = 0; passed < ms; passed += 100) yield* TestClock.adjust(100)
})

const world = Effect.gen(function* () {
  const services = yield* Layer.build(MemoryPipeline.layer)
  const tables = Context.get(services, MemoryState).of(noteStream.name)
  const broker = Context.get(services, MemoryBroker)
  const append = Context.get(services, Transactor)
    .run(noteStream.append(["a", "b", "c", "d"].map((key) => ({ _tag: "Noted" as const, key, text: "" }))))
    .pipe(Effect.provideContext(services))
  const start = Effect.gen(function* () {
    const scope = yield* Scope.make()
    const handler = external(noteStream, "mail", {}, () => Effect.void)
    const relay = { ...relayTimingDefault, keepFor: Duration.minutes(1) }
    const instance = { id: "ada", host: "test", version: "", roles: [] }
    const pipeline = Pipeline.layer(noteStream, [handler], { partitions: 1, instance, relay })
    yield* Layer.buildWithScope(pipeline.pipe(Layer.provide(Layer.succeedContext(services))), scope)
    return scope
  }).pipe(Effect.provideService(SignalSink, () => Effect.void))
  return { append, broker, start, tables }
})

describe("a broker that comes back with less", () => {
  it.live("after an outage longer than rows are kept: nothing is forgotten before the loss is known", () =>
    runSeeded(
      Effect.gen(function* () {
        const { append, broker, start, tables } = yield* world
        const first = yield* start
        yield* append
        yield* pass(3_000)
        assert.strictEqual(broker.messagesIn(noteStream.name), 4)
        yield* Scope.close(first, Exit.void)
        yield* broker.loseTail(noteStream.name, 3)
        yield* TestClock.adjust("10 minutes")
        yield* start
        yield* pass(5_000)
        assert.strictEqual(broker.messagesIn(noteStream.name), 4)
        assert.strictEqual(tables.outbox.size, 0)
      }).pipe(Effect.scoped),
      1
    )
  )

  it.live("than a handler had read, though not than the relay had recorded: the handler's cursor goes back", () =>
    runSeeded(
      Effect.gen(function* () {
        const { append, start, tables } = yield* world
        const first = yield* start
        yield* append
        yield* pass(3_000)
        yield* Scope.close(first, Exit.void)
        // It had read and handled a message that the relay could not record any more, and that the broker then lost.
        for (const lease of tables.leases.values()) lease.cursor += 1
        yield* start
        yield* pass(3_000)
        assert.deepStrictEqual(
          [...tables.leases.values()].map(({ cursor }) => cursor),
          [4]
        )
      }).pipe(Effect.scoped),
      1
    )
  )

  it.effect("and a store that does too: a new event under a lost sequence still reaches a balanced handler", () =>
    Effect.gen(function* () {
      const done: Array<string> = []
      const handler = balanced(external(noteStream, "notes", {}, ({ key }) => Effect.sync(() => void done.push(key))))
      const { append, services, signals, start, tables } = yield* running([handler])
      const broker = Context.get(services, MemoryBroker)
      const ada = yield* start("ada")
      yield* append("a", "b", "c")
      yield* pass(8_000)
      yield* append("lost")
      yield* pass(1_000)
      yield* ada.stop
      assert.sameMembers(done, ["a", "b", "c", "lost"])
      assert.strictEqual(tables.leases.get(rowKey("notes", 0))?.cursor, 3)
      // The last event is gone, with all that the store knew of it; its consumer at the broker has it behind it.
      tables.heads.delete("lost")
      tables.handled.delete(rowKey("notes", "lost", 1))
      tables.relay.lastSeq = 3
      yield* broker.loseTail(noteStream.name, 1)
      yield* start("bob")
      yield* pass(8_000)
      yield* append("new")
      yield* pass(60_000)
      assert.strictEqual(broker.messagesIn(noteStream.name), 4)
      assert.sameMembers(done, ["a", "b", "c", "lost", "new"])
      assert.isTrue(signals.some(({ _tag }) => _tag === "ConsumerAhead"))
    })
  )
})
