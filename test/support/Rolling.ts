/** An older and a newer program on the same stores, one after the other and side by side. */
import { assert } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { consumerOptionsDefault } from "../../src/pipeline/ConsumerOptions.ts"
import type { EventSchemas, EventStream } from "../../src/pipeline/EventStream.ts"
import * as Handler from "../../src/pipeline/Handler.ts"
import type { Outbox } from "../../src/pipeline/Outbox.ts"
import { atOnce, ParkingDesk } from "../../src/pipeline/ParkingDesk.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { SignalSink } from "../../src/pipeline/Signals.ts"
import { Transactor } from "../../src/pipeline/Transactor.ts"
import type { Ports } from "../../src/testing/FaultyPorts.ts"
import { parcels1, parcels3, Sent1, Sent3 } from "./Parcels.ts"
import { pass } from "./Running.ts"

/** What a program needs of its stores. */
export type RollingPorts = Ports | Outbox | ParkingDesk | Transactor

/** Until it is so, in real time. */
const until = (what: string, test: Effect.Effect<boolean, unknown>) =>
  Effect.gen(function* () {
    const untilMs = Date.now() + 20_000
    while (!(yield* test)) {
      if (Date.now() > untilMs) return yield* Effect.die(new Error(`it never came to be: ${what}`))
      yield* Effect.sleep("20 millis")
    }
  })

/**
 * An old program handles, a new one appends events of its own version and of the first; then it starts, and the old one
 * leaves. What the old one could not read has waited, with its successors behind it, and nobody had to replay anything.
 */
export const handsOver = Effect.fnUntraced(function* (services: Context.Context<RollingPorts>) {
  const seen: Array<string> = []
  const program = Effect.fnUntraced(function* <Events extends EventSchemas>(id: string, stream: EventStream<Events>) {
    const scope = yield* Scope.make()
    const note = Handler.external(stream, "note", {}, ({ event, key, version }) =>
      Effect.sync(() => void seen.push(`${id} ${key}${version} ${JSON.stringify(event)}`))
    )
    const count = Handler.balanced(
      Handler.transactional(stream, "count", {}, ({ key, version }) =>
        Effect.flatMap(Transactor, ({ afterCommit }) =>
          afterCommit(Effect.sync(() => void seen.push(`${id} count ${key}${version}`)))
        )
      )
    )
    const instance = { id, host: "test", version: id, roles: [] }
    const options = { partitions: 2, instance, consumers: consumerOptionsDefault }
    const layer = Pipeline.layer(stream, [note, count], options)
    yield* Layer.buildWithScope(layer.pipe(Layer.provide(Layer.succeedContext(services))), scope)
    return { stop: Scope.close(scope, Exit.void) }
  })
  const { run } = Context.get(services, Transactor)
  const desk = Context.get(services, ParkingDesk)
  const aside = desk.list("parcels", {}, 100)

  const old = yield* program("old", parcels1)
  const write = <E, R>(append: Effect.Effect<unknown, E, R>) => Effect.provideContext(run(append), services)
  yield* write(parcels1.append([Sent1.make({ parcel: "a", pounds: 1 }), Sent1.make({ parcel: "b", pounds: 1 })]))
  yield* write(parcels3.append([Sent3.make({ parcel: "a", grams: 7, to: { country: "FR" } })]))
  yield* write(parcels1.append([Sent1.make({ parcel: "a", pounds: 2 }), Sent1.make({ parcel: "b", pounds: 2 })]))
  yield* until(
    "what the old one cannot read waits",
    Effect.map(aside, (keys) => keys.length === 2)
  )
  yield* until(
    "all else is handled",
    Effect.sync(() => seen.length === 7)
  )
  const waiting = yield* aside
  const newer = yield* program("new", parcels3)
  yield* old.stop
  yield* until(
    "all is handled",
    Effect.sync(() => seen.length === 10)
  )
  yield* until(
    "nothing waits any more",
    Effect.map(aside, (keys) => keys.length === 0)
  )
  yield* newer.stop
  return { seen, waiting }
})

/** What must be true of it on any adapter. */
export const judgeHandover = ({ seen, waiting }: Effect.Success<ReturnType<typeof handsOver>>) => {
  assert.deepStrictEqual(
    waiting.map(({ handler, key, reason, status }) => `${handler} ${key} ${status} ${reason.tag}`).toSorted(),
    ["count a@2 retrying SchemaNewer", "note a retrying SchemaNewer"]
  )
  assert.deepStrictEqual(seen.filter((one) => one.startsWith("new")).toSorted(), [
    'new a2 {"_tag":"Sent","parcel":"a","grams":7,"to":{"country":"FR"}}',
    'new a3 {"_tag":"Sent","parcel":"a","grams":907,"to":{"country":"DE"}}',
    "new count a2"
  ])
  const places = seen.flatMap((one) => /^(?:old|new) (a\d)/.exec(one)?.[1] ?? [])
  assert.deepStrictEqual(places, ["a1", "a2", "a3"])
}

/** An old program alone, which is given an event of a newer version; on a clock that only the test moves. */
export const neverDeployed = Effect.gen(function* () {
  const services = yield* Layer.build(MemoryPipeline.layer)
  const seen: Array<string> = []
  const faults = { left: 0 }
  const start = <Events extends EventSchemas>(id: string, stream: EventStream<Events>) => {
    const note = Handler.external(stream, "note", {}, ({ key, version }) =>
      Effect.suspend(() => {
        if (faults.left-- > 0) return Effect.fail("not now")
        seen.push(`${id} ${key}${version}`)
        return Effect.void
      })
    )
    const instance = { id, host: "test", version: id, roles: [] }
    const layer = Pipeline.layer(stream, [note], { partitions: 1, instance })
    return Scope.make().pipe(
      Effect.tap((scope) => Layer.buildWithScope(Layer.provide(layer, Layer.succeedContext(services)), scope)),
      Effect.provideService(SignalSink, () => Effect.void)
    )
  }
  const old = yield* start("old", parcels1)
  const { run } = Context.get(services, Transactor)
  const desk = Context.get(services, ParkingDesk)
  const events = [
    { grams: 1, to: { country: "FR" } },
    { grams: 2, to: { country: "FR" } }
  ]
  const by = { actor: "test", why: "deployed" }
  return {
    seen,
    aside: desk.list("parcels", {}, 10),
    append: run(parcels3.append(events.map((one) => Sent3.make({ parcel: "a", ...one })))).pipe(
      Effect.provideContext(services)
    ),
    passTime: (ms: number) => pass(ms, ms > 60_000 ? 250 : 20),
    replay: desk.replay("parcels", [{ handler: "note", key: "a" }], atOnce, by),
    failNext: (times: number) => void (faults.left = times),
    startNew: Effect.gen(function* () {
      const closing = yield* Effect.forkDetach(Scope.close(old, Exit.void))
      while (closing.pollUnsafe() === undefined) yield* pass(20)
      yield* start("new", parcels3)
    })
  }
})
