import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { MemoryState } from "../../src/infra/memory/MemoryState.ts"
import { EventLog } from "../../src/pipeline/EventLog.ts"
import { external } from "../../src/pipeline/Handler.ts"
import { Ownership } from "../../src/pipeline/Ownership.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { BrokerUnavailable, DeliveryInterrupted, StoreUnavailable } from "../../src/pipeline/PipelineError.ts"
import { type Signal, SignalSink } from "../../src/pipeline/Signals.ts"
import { Transactor } from "../../src/pipeline/Transactor.ts"
import { noteStream } from "../support/Ledger.ts"
import { runSeeded } from "../../src/testing/SeededScheduler.ts"

/** What one instance cannot reach at the moment. */
interface Reach {
  broker: boolean
  store: boolean
}

type Services = Layer.Success<typeof MemoryPipeline.layer>

const away = () => new BrokerUnavailable({ operation: "test", detail: "cut off" })

const storeAway = () => new StoreUnavailable({ operation: "test", detail: "cut off", cause: new Error("cut off") })

/** Deliveries of a broker that is cut off stop with an error, as they do when heartbeats are missed. */
const cutting = (reach: Reach, partition: number) =>
  Stream.fromEffectRepeat(
    Effect.sleep("100 millis").pipe(
      Effect.andThen(
        Effect.suspend(() =>
          reach.broker ? Effect.void : Effect.fail(new DeliveryInterrupted({ partition, reason: "heartbeats missed" }))
        )
      )
    )
  ).pipe(Stream.drain)

/** The world as an instance sees it. */
const seenBy = (services: Context.Context<Services>, reach: Reach) => {
  const log = Context.get(services, EventLog)
  const ownership = Context.get(services, Ownership)
  const broker = <A, E, R>(operation: Effect.Effect<A, E, R>) =>
    Effect.suspend((): Effect.Effect<A, E | BrokerUnavailable, R> => (reach.broker ? operation : Effect.fail(away())))
  const store = <A, E, R>(operation: Effect.Effect<A, E, R>) =>
    Effect.suspend((): Effect.Effect<A, E | StoreUnavailable, R> =>
      reach.store ? operation : Effect.fail(storeAway())
    )
  return services.pipe(
    Context.add(EventLog, {
      ...log,
      info: (name) => broker(log.info(name)),
      publish: (declaration, rows, lastSeq) => broker(log.publish(declaration, rows, lastSeq)),
      refs: (name, after, to) => broker(log.refs(name, after, to)),
      open: (declaration, from) =>
        Effect.map(broker(log.open(declaration, from)), (subscription) => ({
          ...subscription,
          events: Stream.merge(subscription.events, cutting(reach, from.partition))
        }))
    }),
    Context.add(Ownership, {
      ...ownership,
      beat: (stream, instance, handlers, claims) => store(ownership.beat(stream, instance, handlers, claims))
    })
  )
}

const world = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const services = yield* Layer.buildWithScope(MemoryPipeline.layer, scope)
  const sent: Array<{ readonly by: string; readonly key: string }> = []
  const signals: Array<Signal> = []
  const start = Effect.fnUntraced(function* (id: string, handleMs = 400) {
    const reach: Reach = { broker: true, store: true }
    const mail = external(noteStream, "mail", {}, ({ key }) =>
      Effect.andThen(
        Effect.sleep(handleMs),
        Effect.sync(() => sent.push({ by: id, key }))
      )
    )
    const instance = { id, host: "test", version: "test", roles: [] }
    const pipeline = Pipeline.layer(noteStream, [mail], { partitions: 8, instance })
    const running = yield* Layer.buildWithScope(
      pipeline.pipe(Layer.provide(Layer.succeedContext(seenBy(services, reach)))),
      scope
    ).pipe(Effect.provideService(SignalSink, (signal) => Effect.sync(() => signals.push(signal))))
    return { reach, owned: () => Context.get(running, Pipeline.Pipeline).ownedPartitions() }
  })
  const { run } = Context.get(services, Transactor)
  const append = (keys: ReadonlyArray<string>) =>
    run(noteStream.append(keys.map((key) => ({ _tag: "Noted" as const, key, text: "" })))).pipe(
      Effect.provideContext(services)
    )
  const tables = Context.get(services, MemoryState).of(noteStream.name)
  return { append, sent, signals, start, tables }
})

const pass = Effect.fnUntraced(function* (ms: number) {
  for (let passed = 0; passed < ms; passed += 50) yield* TestClock.adjust(50)
})

const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`)

const count = (signals: ReadonlyArray<Signal>, tag: Signal["_tag"]) => signals.filter(({ _tag }) => _tag === tag).length

describe("an event that is handled for several leases' time", () => {
  it.live("keeps its partition, is handled once, and holds nobody else up", () =>
    runSeeded(
      Effect.gen(function* () {
        const { append, sent, signals, start } = yield* world
        const handleMs = 12_000
        yield* start("ada", handleMs)
        yield* start("bob", handleMs)
        yield* pass(4_000)
        yield* append(keys)
        yield* pass(2 * handleMs)
        assert.strictEqual(sent.length, keys.length)
        assert.strictEqual(new Set(sent.map(({ key }) => key)).size, keys.length)
        for (const tag of ["PartitionLost", "OwnershipUnproven", "AttemptFailed"] as const)
          assert.strictEqual(count(signals, tag), 0, tag)
      }),
      9
    )
  )
})

describe("an instance that is cut off", () => {
  it.live(
    "from the broker gives relay and partitions to one that is not, says so once, and takes its share again",
    () =>
      runSeeded(
        Effect.gen(function* () {
          const { append, sent, signals, start, tables } = yield* world
          const ada = yield* start("ada")
          yield* pass(500)
          const bob = yield* start("bob")
          yield* pass(1_500)
          assert.strictEqual(ada.owned() + bob.owned(), 8)
          assert.strictEqual(tables.relay.owner, "ada")
          ada.reach.broker = false
          yield* append(keys)
          yield* pass(12_000)
          assert.strictEqual(tables.relay.owner, "bob")
          assert.deepStrictEqual([ada.owned(), bob.owned()], [0, 8])
          assert.deepStrictEqual(new Set(sent.map(({ key }) => key)), new Set(keys))
          assert.strictEqual(count(signals, "BrokerOutOfReach"), 1)
          yield* pass(20_000)
          assert.strictEqual(count(signals, "BrokerOutOfReach"), 1)
          ada.reach.broker = true
          yield* pass(5_000)
          assert.isAbove(ada.owned(), 0)
          assert.strictEqual(ada.owned() + bob.owned(), 8)
          assert.strictEqual(count(signals, "BrokerInReach"), 1)
        }),
        7
      )
  )

  it.live("from the store ends its work before its leases can have passed to another", () =>
    runSeeded(
      Effect.gen(function* () {
        const { append, sent, signals, start } = yield* world
        const ada = yield* start("ada")
        yield* pass(3_000)
        assert.strictEqual(ada.owned(), 8)
        ada.reach.store = false
        yield* append(keys.flatMap((key) => Array.from({ length: 20 }, () => key)))
        yield* pass(3_000)
        const byThen = sent.length
        assert.isAbove(byThen, 0)
        yield* pass(5_000)
        assert.strictEqual(sent.length, byThen)
        assert.strictEqual(count(signals, "OwnershipUnproven"), 1)
        ada.reach.store = true
        yield* pass(20_000)
        assert.strictEqual(new Set(sent.map(({ key }) => key)).size, keys.length)
        assert.isAtLeast(sent.length, keys.length * 20)
      }),
      8
    )
  )
})
