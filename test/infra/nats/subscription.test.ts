import { headers } from "@nats-io/transport-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { streamNameOf } from "../../../src/infra/nats/NatsEventLog.ts"
import type { StoredEvent } from "../../../src/pipeline/Envelope.ts"
import { EventLog, type LogDeclaration } from "../../../src/pipeline/EventLog.ts"
import { partitionOf, slotOf } from "../../../src/pipeline/Partition.ts"
import { eventually } from "../../support/servers/Eventually.ts"
import { freshLog, NatsUnderTest, natsWorld, rowsOf } from "./NatsWorld.ts"

const filled = Effect.fnUntraced(function* (keys: ReadonlyArray<string>, partitions = 1) {
  const log = yield* EventLog
  const declaration = freshLog(partitions)
  yield* log.declare(declaration)
  const rows = rowsOf(keys)
  if (rows.length > 0) yield* log.publish(declaration, rows, 0)
  return { declaration, rows }
})

const many = (count: number) => Array.from({ length: count }, (_, i) => `key ${i % 7}`)

const from = (afterSeq: number, partition = 0, generation = 1) => ({
  handler: "h",
  partition,
  epoch: 1,
  generation,
  afterSeq
})

/** The next so many events behind a cursor. */
const take = Effect.fnUntraced(function* (
  declaration: LogDeclaration,
  count: number,
  afterSeq = 0,
  partition = 0
): Effect.fn.Return<ReadonlyArray<StoredEvent>, unknown, EventLog> {
  const log = yield* EventLog
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const { acknowledge, events } = yield* log.open(declaration, from(afterSeq, partition))
      return yield* events.pipe(
        Stream.tap((event) => acknowledge(event.seq)),
        Stream.take(count),
        Stream.runCollect,
        Effect.timeout("10 seconds")
      )
    })
  )
})

layer(natsWorld, { excludeTestServices: true, timeout: "60 seconds" })("a subscription", (it) => {
  it.effect("brings a partition's events in stream order, from behind the cursor, as they were written", () =>
    Effect.gen(function* () {
      const { declaration, rows } = yield* filled(many(900), 4)
      for (let partition = 0; partition < 4; partition++) {
        const own = rows.filter((row) => partitionOf(slotOf(row.key), { partitions: 4 }) === partition)
        const got = yield* take(declaration, own.length, 0, partition)
        assert.deepStrictEqual(
          got.map(({ outboxId: id, ...event }) => ({ ...event, id, slot: slotOf(event.key) })),
          own.map((row) => ({ ...row, seq: row.id }))
        )
      }
      const [first] = rows
      const partition = partitionOf(slotOf(first?.key ?? ""), { partitions: 4 })
      const behind = yield* take(declaration, 3, 500, partition)
      assert.isTrue(behind.every((event) => event.seq > 500))
    })
  )

  it.effect("goes on past its window as long as it is acknowledged, and waits while it is not", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const { declaration } = yield* filled(many(1_000))
      yield* log.publish(declaration, rowsOf(many(1_000), 1_001), 1_000)
      const all = yield* take(declaration, 2_000)
      assert.deepStrictEqual(
        all.map((event) => event.seq),
        all.map((_, i) => i + 1)
      )
      const { acknowledge, events } = yield* log.open(declaration, from(0, 0, 2))
      const seen: Array<number> = []
      yield* Effect.forkScoped(Stream.runForEach(events, ({ seq }) => Effect.sync(() => void seen.push(seq))))
      const has = (count: number) =>
        eventually(
          `${count} events`,
          Effect.sync(() => seen.length >= count)
        )
      yield* has(1_000)
      yield* Effect.sleep("200 millis")
      assert.lengthOf(seen, 1_000)
      yield* acknowledge(1_000)
      yield* has(2_000)
    })
  )

  it.effect("brings no more large events at a time than some megabytes hold, and then the next ones", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const { declaration } = yield* filled([])
      const large = (firstId: number) =>
        rowsOf(many(20), firstId).map((row) => ({ ...row, payload: JSON.stringify("x".repeat(400_000)) }))
      yield* log.publish(declaration, large(1), 0)
      const { acknowledge, events } = yield* log.open(declaration, from(0))
      const seen: Array<number> = []
      yield* Effect.forkScoped(Stream.runForEach(events, ({ seq }) => Effect.sync(() => void seen.push(seq))))
      yield* Effect.sleep("300 millis")
      assert.lengthOf(seen, 10)
      yield* acknowledge(10)
      yield* eventually(
        "all of them",
        Effect.sync(() => seen.length === 20)
      )
    })
  )

  it.effect("passes over what was deleted, and brings what comes later", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const { manage } = yield* NatsUnderTest
      const { declaration } = yield* filled(many(10))
      const name = streamNameOf(declaration.name)
      yield* manage(async (manager) => {
        await manager.streams.purge(name, { seq: 3 })
        await manager.streams.deleteMessage(name, 6)
      })
      const reading = yield* Effect.forkChild(take(declaration, 9))
      yield* log.publish(declaration, rowsOf(["late", "later"], 11), 10)
      const got = yield* Fiber.join(reading)
      assert.deepStrictEqual(
        got.map((event) => event.seq),
        [3, 4, 5, 7, 8, 9, 10, 11, 12]
      )
    })
  )

  it.effect("ends with a typed error when its consumer is deleted or the stream is", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const { manage } = yield* NatsUnderTest
      const { declaration } = yield* filled(many(3))
      const name = streamNameOf(declaration.name)
      const open = Effect.fnUntraced(function* (generation: number) {
        const { events } = yield* log.open(declaration, from(0, 0, generation))
        return yield* Effect.forkChild(Effect.flip(Stream.runDrain(events)).pipe(Effect.timeout("10 seconds")))
      })
      const first = yield* open(1)
      yield* manage(async (manager) => {
        for await (const consumer of manager.consumers.list(name)) await manager.consumers.delete(name, consumer.name)
      })
      assert.strictEqual((yield* Fiber.join(first))._tag, "DeliveryInterrupted")
      const second = yield* open(2)
      yield* manage((manager) => manager.streams.delete(name))
      assert.strictEqual((yield* Fiber.join(second))._tag, "DeliveryInterrupted")
    })
  )

  it.effect("what others wrote into the stream arrives as evidence, and is no reference of ours", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const { manage } = yield* NatsUnderTest
      const { declaration } = yield* filled(["a"])
      const subject = `${declaration.subject}.partition.0.done`
      yield* manage(async (_, connection) => {
        const half = headers()
        half.set("Nats-Msg-Id", "half")
        half.set("Millrace-Outbox-Id", "many")
        connection.publish(subject, "bare")
        connection.publish(subject, "half", { headers: half })
        await connection.flush()
      })
      const [ours, bare, half] = yield* take(declaration, 3)
      assert.strictEqual(ours?.key, "a")
      for (const foreign of [bare, half]) {
        assert.strictEqual(foreign?.key, "(not written by the relay)")
        assert.isAbove(foreign?.version ?? 0, 1)
      }
      assert.deepStrictEqual([bare?.payload, half?.payload], ["bare", "half"])
      assert.lengthOf(yield* log.refs(declaration.name, 0, 3), 1)
    })
  )

  it.effect("headers that look like ours but cannot be read are evidence too, and stop nothing", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const { manage } = yield* NatsUnderTest
      const { declaration } = yield* filled(["a"])
      yield* manage(async (_, connection) => {
        const broken = headers()
        broken.set("Nats-Msg-Id", "broken")
        broken.set("Millrace-Outbox-Id", "7")
        broken.set("Millrace-Version", "1")
        broken.set("Millrace-Key", "%zz")
        connection.publish(`${declaration.subject}.partition.0.done`, "broken", { headers: broken })
        await connection.flush()
      })
      yield* log.publish(declaration, rowsOf(["b"], 3), 2)
      assert.lengthOf(yield* log.refs(declaration.name, 0, 3), 2)
      const got = yield* take(declaration, 3)
      assert.deepStrictEqual(
        got.map((event) => event.key),
        ["a", "(not written by the relay)", "b"]
      )
    })
  )

  it.effect(
    "ends with a typed error when the server is killed; opened again behind the cursor it goes on without loss",
    () =>
      Effect.gen(function* () {
        const log = yield* EventLog
        const { server } = yield* NatsUnderTest
        const { declaration } = yield* filled(many(500))
        const seen: Array<number> = []
        const read = Effect.fnUntraced(function* (generation: number) {
          const { acknowledge, events } = yield* log.open(declaration, from(seen.at(-1) ?? 0, 0, generation))
          yield* events.pipe(
            Stream.runForEach(({ seq }) => {
              seen.push(seq)
              return acknowledge(seq)
            })
          )
        }, Effect.scoped)
        const first = yield* Effect.forkChild(Effect.flip(read(1)))
        yield* eventually(
          "some events",
          Effect.sync(() => seen.length > 0)
        )
        yield* server.kill
        yield* server.start
        const error = yield* Fiber.join(first).pipe(Effect.timeout("10 seconds"))
        assert.include(["DeliveryInterrupted", "BrokerUnavailable"], error._tag)
        yield* log
          .publish(declaration, rowsOf(many(100), 501), 500)
          .pipe(Effect.retry({ times: 20, while: (failure) => failure._tag === "BrokerUnavailable" }))
        let generation = 1
        const again = Effect.suspend(() => read((generation += 1))).pipe(Effect.retry({ times: 50 }))
        yield* Effect.forkChild(again)
        yield* eventually(
          "all events",
          Effect.sync(() => seen.length >= 600)
        )
        assert.deepStrictEqual(
          seen,
          seen.map((_, i) => i + 1)
        )
      }),
    40_000
  )
})
