import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { EventLog } from "../../src/pipeline/EventLog.ts"
import { external } from "../../src/pipeline/Handler.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { DeliveryInterrupted } from "../../src/pipeline/PipelineError.ts"
import { SignalSink } from "../../src/pipeline/Signals.ts"
import { Transactor } from "../../src/pipeline/Transactor.ts"
import { noteStream } from "../support/Ledger.ts"
import { runSeeded } from "../../src/testing/SeededScheduler.ts"

/** Openings that break off as soon as they have delivered something. */
const breaksMax = 10

const breakingLog = Layer.effect(
  EventLog,
  Effect.map(EventLog, (inner) => {
    let breaks = 0
    const broken = (partition: number) =>
      Stream.suspend(() => {
        breaks += 1
        return breaks > breaksMax ? Stream.empty : Stream.fail(new DeliveryInterrupted({ partition, reason: "test" }))
      })
    const open: EventLog["Service"]["open"] = (declaration, from) =>
      Effect.map(inner.open(declaration, from), (subscription) => ({
        ...subscription,
        events: subscription.events.pipe(
          Stream.chunks,
          Stream.flatMap((events) => Stream.concat(Stream.fromArray(events), broken(from.partition)))
        )
      }))
    return EventLog.of({ ...inner, open })
  })
).pipe(Layer.provideMerge(MemoryPipeline.layer))

/** How many of five notes were sent by a handler that works on one key at a time, after many reopenings. */
const sentAfterBreaks = Effect.gen(function* () {
  const sent = new Set<string>()
  const mail = external(noteStream, "mail", { keysAtOnceMax: 1 }, ({ key }) =>
    Effect.andThen(
      Effect.sleep(1),
      Effect.sync(() => sent.add(key))
    )
  )
  const instance = { id: "one", host: "test", version: "test", roles: [] }
  const services = yield* Pipeline.layer(noteStream, [mail], { partitions: 1, instance }).pipe(
    Layer.provideMerge(breakingLog),
    Layer.buildWithScope(yield* Scope.make())
  )
  const { run } = Context.get(services, Transactor)
  const notes = ["a", "b", "c", "d", "e"].map((key) => ({ _tag: "Noted" as const, key, text: "" }))
  yield* run(noteStream.append(notes)).pipe(Effect.provideContext(services))
  for (let passed = 0; passed < 40_000; passed += 200) yield* TestClock.adjust(200)
  return sent.size
}).pipe(Effect.provideService(SignalSink, () => Effect.void))

describe("a partition that is opened again and again", () => {
  it.live("does not use up what its external handler may do at the same time", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 30; seed++) {
        assert.strictEqual(yield* runSeeded(sentAfterBreaks, seed), 5, `seed ${seed}: the handler stands still`)
      }
    })
  )
})
