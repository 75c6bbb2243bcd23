import { RetentionPolicy } from "@nats-io/jetstream"
import { nanos } from "@nats-io/transport-node"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { streamNameOf } from "../../../src/infra/nats/NatsEventLog.ts"
import { EventLog, type LogDeclaration } from "../../../src/pipeline/EventLog.ts"
import { type Signal, SignalSink } from "../../../src/pipeline/Signals.ts"
import { freshLog, NatsUnderTest, natsWorld, rowsOf } from "./NatsWorld.ts"

/** More than go one by one. */
const many = (count: number, firstId: number) =>
  rowsOf(
    Array.from({ length: count }, (_, i) => `key ${i}`),
    firstId
  )

const declared = Effect.fnUntraced(function* (partitions = 1) {
  const log = yield* EventLog
  const declaration = freshLog(partitions)
  yield* log.declare(declaration)
  return declaration
})

const refusal = <A, E extends { readonly _tag: string }, R>(operation: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(operation), (error) => ("code" in error ? error.code : error._tag))

const lastSeq = Effect.fnUntraced(function* ({ name }: LogDeclaration) {
  const log = yield* EventLog
  return (yield* log.info(name)).lastSeq
})

const oddKeys = [
  "plain",
  " padded ",
  "a b",
  "a.b.c",
  "*",
  ">",
  "order.>",
  `"quoted" and 'quoted'`,
  "100%",
  "%41",
  "line\nbreak",
  "tab\there",
  "colon: value",
  "Größe",
  "訂單",
  "🛒",
  "e\u0301",
  "x".repeat(1_024),
  "\\",
  "__proto__"
]

layer(natsWorld, { excludeTestServices: true, timeout: "60 seconds" })("the stream", (it) => {
  it.effect("is declared once, also by several at the same time, and knows its limits", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const { manage } = yield* NatsUnderTest
      const declaration = freshLog()
      yield* Effect.all(
        Array.from({ length: 4 }, () => log.declare(declaration)),
        { concurrency: "unbounded" }
      )
      yield* log.declare(declaration)
      const info = yield* log.info(declaration.name)
      assert.deepStrictEqual([info.lastSeq, info.messageMaxBytes], [0, 1_048_576])
      assert.notStrictEqual(info.created, "")
      const { config } = yield* manage((manager) => manager.streams.info(streamNameOf(declaration.name)))
      assert.deepStrictEqual(
        [config.subjects, config.retention, config.discard, config.allow_atomic],
        [[`${declaration.subject}.partition.>`], "limits", "new", true]
      )
    })
  )

  it.effect("that differs harmlessly is reported and left as it is", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const { manage } = yield* NatsUnderTest
      const declaration = yield* declared()
      const name = streamNameOf(declaration.name)
      yield* manage((manager) => manager.streams.update(name, { max_age: nanos(86_400_000) }))
      const signals: Array<Signal> = []
      const sink = (signal: Signal) => Effect.sync(() => void signals.push(signal))
      yield* log.declare(declaration).pipe(Effect.provideService(SignalSink, sink))
      const [drifted] = signals
      assert.strictEqual(drifted?._tag, "StreamDrifted")
      assert.include(drifted?._tag === "StreamDrifted" ? drifted.differences.join() : "", "max_age is 86400000000000")
      const { config } = yield* manage((manager) => manager.streams.info(name))
      assert.strictEqual(config.max_age, nanos(86_400_000))
    })
  )

  it.effect("that cannot carry the protocol is refused, with the difference", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const { manage } = yield* NatsUnderTest
      const declaration = freshLog()
      const subjects = [`${declaration.subject}.partition.>`]
      yield* manage((manager) =>
        manager.streams.add({ name: streamNameOf(declaration.name), subjects, retention: RetentionPolicy.Workqueue })
      )
      const error = yield* Effect.flip(log.declare(declaration))
      assert.strictEqual(error._tag, "StreamMismatch")
      for (const field of ["retention", "discard", "allow_atomic"]) assert.include(error.message, field)
    })
  )
})

layer(natsWorld, { excludeTestServices: true, timeout: "60 seconds" })("a fenced batch", (it) => {
  it.effect("is stored whole, in order, where the stream ends; anywhere else not at all", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const declaration = yield* declared()
      const first = rowsOf(["a", "b", "a"])
      assert.deepStrictEqual(yield* log.publish(declaration, first, 0), { seq: 3, duplicate: false })
      const next = rowsOf(["c", "d"], 4)
      for (const stale of [0, 2, 4]) assert.strictEqual(yield* refusal(log.publish(declaration, next, stale)), 10071)
      assert.strictEqual(yield* refusal(log.publish(declaration, next.slice(0, 1), 2)), 10071)
      assert.strictEqual(yield* lastSeq(declaration), 3)
      yield* log.publish(declaration, next, 3)
      const refs = yield* log.refs(declaration.name, 0, 5)
      assert.deepStrictEqual(
        refs.map(({ eventId, key, outboxId, seq, version }) => [seq, outboxId, key, version, eventId]),
        [...first, ...next].map(({ eventId, id, key, version }, i) => [i + 1, id, key, version, eventId])
      )
    })
  )

  it.effect("takes the largest batch there is, and of two at the same time exactly one", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const declaration = yield* declared(16)
      const keys = Array.from({ length: 1_000 }, (_, i) => `k${i % 50}`)
      assert.strictEqual((yield* log.publish(declaration, rowsOf(keys), 0)).seq, 1_000)
      const race = yield* Effect.forEach(
        [2_001, 3_001, 4_001],
        (firstId) => Effect.result(log.publish(declaration, rowsOf(keys.slice(0, 300), firstId), 1_000)),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(
        race.filter((result) => result._tag === "Success"),
        1
      )
      assert.strictEqual(yield* lastSeq(declaration), 1_300)
      const ids = (yield* log.refs(declaration.name, 1_000, 1_300)).map((ref) => ref.outboxId)
      assert.deepStrictEqual(
        ids,
        ids.map((_, i) => (ids[0] ?? 0) + i)
      )
    })
  )

  it.effect(
    "of many, with an id that is in the stream or twice in itself, is refused whole; one alone is a duplicate",
    () =>
      Effect.gen(function* () {
        const log = yield* EventLog
        const declaration = yield* declared()
        const stored = rowsOf(["a", "b"])
        yield* log.publish(declaration, stored, 0)
        assert.strictEqual(yield* refusal(log.publish(declaration, [...many(8, 3), ...stored], 2)), 10201)
        const twice = many(8, 20)
        assert.strictEqual(yield* refusal(log.publish(declaration, [...twice, ...twice], 2)), 10201)
        assert.strictEqual(yield* lastSeq(declaration), 2)
        const again = yield* log.publish(declaration, stored.slice(0, 1), 2)
        assert.deepStrictEqual(again, { seq: 1, duplicate: true })
        assert.strictEqual(yield* lastSeq(declaration), 2)
      })
  )

  // Only the last message of a batch gets an answer of its own, so one in the middle makes the batch incomplete.
  it.effect("of many, with one message that is too large, is refused whole", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const { manage } = yield* NatsUnderTest
      const declaration = yield* declared()
      yield* manage((manager) => manager.streams.update(streamNameOf(declaration.name), { max_msg_size: 5_000 }))
      assert.strictEqual((yield* log.info(declaration.name)).messageMaxBytes, 5_000)
      const large = rowsOf(["b"], 2).map((row) => ({ ...row, payload: "x".repeat(6_000) }))
      const first = many(8, 10)
      assert.strictEqual(yield* refusal(log.publish(declaration, [...first, ...large, ...rowsOf(["c"], 3)], 0)), 10176)
      assert.strictEqual(yield* refusal(log.publish(declaration, [...first, ...large], 0)), 10054)
      assert.strictEqual(yield* refusal(log.publish(declaration, large, 0)), 10054)
      assert.strictEqual(yield* lastSeq(declaration), 0)
    })
  )

  it.effect("carries any key and payload, to readers and to the one who reconciles", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const declaration = yield* declared()
      const rows = rowsOf(oddKeys).map((row) => ({ ...row, payload: JSON.stringify({ odd: row.key }) }))
      yield* log.publish(declaration, rows, 0)
      const refs = yield* log.refs(declaration.name, 0, rows.length)
      assert.deepStrictEqual(
        refs.map((ref) => ref.key),
        oddKeys
      )
    })
  )

  it.effect("after a purge or a deletion the rest is found, and what is gone is left out", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const { manage } = yield* NatsUnderTest
      const declaration = yield* declared()
      const name = streamNameOf(declaration.name)
      yield* log.publish(declaration, rowsOf(Array.from({ length: 10 }, () => "a")), 0)
      yield* manage(async (manager) => {
        await manager.streams.purge(name, { seq: 5 })
        await manager.streams.deleteMessage(name, 8)
      })
      const refs = yield* log.refs(declaration.name, 0, 10)
      assert.deepStrictEqual(
        refs.map((ref) => ref.seq),
        [5, 6, 7, 9, 10]
      )
      const info = yield* log.info(declaration.name)
      assert.deepStrictEqual([info.firstSeq, info.lastSeq], [5, 10])
      assert.strictEqual((yield* log.publish(declaration, rowsOf(["b"], 11), 10)).seq, 11)
      yield* manage((manager) => manager.streams.purge(name))
      assert.deepStrictEqual(yield* log.refs(declaration.name, 0, 11), [])
      assert.strictEqual(yield* lastSeq(declaration), 11)
    })
  )
})
