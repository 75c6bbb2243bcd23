import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema, Stream } from "effect"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import * as EventStream from "../../src/pipeline/EventStream.ts"
import { ControlDesk } from "../../src/pipeline/ControlDesk.ts"
import { Ownership } from "../../src/pipeline/Ownership.ts"
import { partition } from "../../src/pipeline/PartitionStream.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { Transactor } from "../../src/pipeline/Transactor.ts"

const Moved = Schema.TaggedStruct("Moved", { device: Schema.String, metres: Schema.Int })

const Telemetry = EventStream.make("telemetry", {
  subject: "telemetry",
  events: { moved: Moved },
  key: (e) => e.device
})

const instance = { id: "one", host: "test", version: "0", roles: [] }

const options = { consumer: "audit", partitions: 1, instance: { ...instance, id: "reader" } }

const world = Pipeline.layer(Telemetry, [], { partitions: 1, instance }).pipe(Layer.provideMerge(MemoryPipeline.layer))

const append = (count: number) =>
  Effect.flatMap(Transactor, ({ run }) =>
    run(Telemetry.append(Array.from({ length: count }, (_, i) => Moved.make({ device: `d${i % 2}`, metres: i }))))
  )

const read = (count: number, commitEach: boolean) =>
  partition(Telemetry, 0, options).pipe(
    Stream.tap((delivery) => (commitEach ? delivery.commit : Effect.void)),
    Stream.take(count),
    Stream.map((delivery) => [delivery.key, delivery.version, delivery.event.metres] as const),
    Stream.runCollect
  )

describe("a partition as a stream", () => {
  it.live("gives typed events in order per key, and what is not committed again", () =>
    Effect.gen(function* () {
      yield* append(4)
      const first = yield* read(4, false)
      assert.deepStrictEqual(first, [
        ["d0", 1, 0],
        ["d1", 1, 1],
        ["d0", 2, 2],
        ["d1", 2, 3]
      ])
      assert.deepStrictEqual(yield* read(2, true), first.slice(0, 2))
      yield* append(1)
      assert.deepStrictEqual(yield* read(3, true), [...first.slice(2), ["d0", 3, 0]])
    }).pipe(Effect.provide(world), Effect.timeout("10 seconds"))
  )

  it.live(
    "that waits for another to give it back does not wait for partitions of before",
    () =>
      Effect.gen(function* () {
        const ownership = yield* Ownership
        yield* ownership.declare("telemetry", ["audit"], 1)
        const held = yield* ownership.claim("telemetry", "another", [{ handler: "audit", partition: 0 }])
        const waiting = yield* partition(Telemetry, 0, options).pipe(Stream.runDrain, Effect.flip, Effect.forkChild)
        yield* (yield* ControlDesk).repartition("telemetry", 2, { actor: "ada", why: "more machines" })
        yield* Effect.sleep("1 second")
        yield* ownership.release(held)
        const error = yield* Fiber.join(waiting)
        assert.strictEqual(error._tag, "StreamMismatch")
      }).pipe(Effect.provide(world), Effect.timeout("25 seconds")),
    30_000
  )

  it.live("refuses a partition that the stream does not have", () =>
    Effect.gen(function* () {
      const error = yield* partition(Telemetry, 3, options).pipe(Stream.runDrain, Effect.flip)
      assert.strictEqual(error._tag, "StreamMismatch")
    }).pipe(Effect.provide(world), Effect.timeout("10 seconds"))
  )
})
