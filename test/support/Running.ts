/** A running pipeline in memory, of one partition unless more are asked for, whose clock only the test moves. */
import { Context, Effect, Exit, Latch, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { MemoryState } from "../../src/infra/memory/MemoryState.ts"
import { Measures } from "../../src/ops/Measures.ts"
import { asideDoorbell } from "../../src/pipeline/AsideWatch.ts"
import { type ConsumerOptions, consumerOptionsDefault } from "../../src/pipeline/ConsumerOptions.ts"
import { EventLog } from "../../src/pipeline/EventLog.ts"
import type { Handler } from "../../src/pipeline/Handler.ts"
import { atOnce, ParkingDesk } from "../../src/pipeline/ParkingDesk.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { SelfReport } from "../../src/pipeline/SelfReport.ts"
import { type Signal, SignalSink } from "../../src/pipeline/Signals.ts"
import { Transactor } from "../../src/pipeline/Transactor.ts"
import { faultyPorts } from "../../src/testing/FaultyPorts.ts"
import { makeRandom } from "../../src/testing/Random.ts"
import { noteStream } from "./Ledger.ts"

/** What is said of every batch. */
const isBatch = ({ _tag }: Signal) => _tag === "BatchPublished" || _tag === "BatchHandled"

/** So much time passes. */
export const pass = Effect.fnUntraced(function* (ms: number, stepMs = 20) {
  for (let passed = 0; passed < ms; passed += stepMs) yield* TestClock.adjust(stepMs)
})

/** Starts it. `stop` and `start` are of the instance, the store stays; an instance that is not stopped is left alone. */
export const running = Effect.fnUntraced(function* <E>(
  handlers: ReadonlyArray<Handler<E>>,
  ports: typeof MemoryPipeline.layer = MemoryPipeline.layer,
  { partitions = 1, ...limits }: Partial<ConsumerOptions> & { readonly partitions?: number } = {}
) {
  const services = yield* Layer.build(ports)
  const signals: Array<Signal> = []
  const start = Effect.fnUntraced(function* (id: string, own: ReadonlyArray<Handler<E>> = handlers) {
    const scope = yield* Scope.make()
    const instance = { id, host: "test", version: "test", roles: [] }
    const pipeline = Pipeline.layer(noteStream, own, {
      partitions,
      instance,
      consumers: { ...consumerOptionsDefault, ...limits }
    })
    const fate = { down: false, awake: yield* Latch.make(true), failureShare: 0, delayShare: 0, delayMaxMs: 0 }
    const ports = Context.merge(services, faultyPorts(services, fate, makeRandom(1)))
    const measures = new Measures()
    yield* Layer.buildWithScope(pipeline.pipe(Layer.provide(Layer.succeedContext(ports))), scope).pipe(
      Effect.provideService(SignalSink, (signal) => {
        if (!isBatch(signal)) signals.push(signal)
        return measures.noted(signal)
      }),
      Effect.provideService(SelfReport, (status) => measures.report(status))
    )
    const stop = Effect.gen(function* () {
      const closing = yield* Effect.forkDetach(Scope.close(scope, Exit.void))
      while (closing.pollUnsafe() === undefined) yield* pass(20)
    })
    /** Nothing it asks for happens any more. */
    const crash = Effect.suspend(() => {
      fate.down = true
      return Effect.asVoid(Effect.forkDetach(Scope.close(scope, Exit.void)))
    })
    return { stop, crash, fate }
  })
  const { run } = Context.get(services, Transactor)
  const desk = Context.get(services, ParkingDesk)
  const by = { actor: "test", why: "to see" }
  const ring = Context.get(services, EventLog).ring(asideDoorbell(noteStream.name))
  return {
    start,
    signals,
    services,
    desk,
    tables: Context.get(services, MemoryState).of(noteStream.name),
    append: (...keys: ReadonlyArray<string>) =>
      run(noteStream.append(keys.map((key) => ({ _tag: "Noted" as const, key, text: "" })))).pipe(
        Effect.provideContext(services)
      ),
    replay: (handler: string, key: string) =>
      Effect.andThen(desk.replay(noteStream.name, [{ handler, key }], atOnce, by), ring),
    skip: (handler: string, key: string) =>
      desk.names(noteStream.name, { handler, key }, 1).pipe(
        Effect.flatMap((names) => desk.skip(noteStream.name, names, by)),
        Effect.andThen(ring)
      ),
    discard: (handler: string, key: string) =>
      Effect.andThen(desk.discard(noteStream.name, [{ handler, key }], by), ring)
  }
})
