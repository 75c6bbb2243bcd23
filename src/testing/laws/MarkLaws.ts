import { Duration, Effect, Stream } from "effect"
import { EventLog } from "../../pipeline/EventLog.ts"
import { partitionOf, slotOf } from "../../pipeline/Partition.ts"
import { declared, many } from "./EventLogLawWorld.ts"
import { type Law, lawsOf } from "./Law.ts"
import { rowsOf, tagOf } from "./LawWorld.ts"
import { assert } from "./assert.ts"

const before = { first: 0, partitions: 2 }
const after = { first: 2, partitions: 3 }

const saysWhatIsMarked: Law<EventLog> = Effect.gen(function* () {
  const { declaration, lastSeq, log } = yield* declared(2)
  assert.deepStrictEqual(yield* log.marked(declaration), [])
  yield* log.publish(declaration, many(3), 0)
  assert.strictEqual(yield* log.mark(declaration, [before, after], 3), 4)
  assert.deepStrictEqual(yield* log.marked(declaration), [before, after])
  assert.strictEqual(yield* lastSeq, 4)
  yield* log.publish({ ...declaration, ...after }, many(3, 4), 4)
  const last = { first: 5, partitions: 1 }
  assert.strictEqual(yield* log.mark(declaration, [before, after, last], 7), 8)
  assert.deepStrictEqual(yield* log.marked(declaration), [before, after, last])
})

const comesBehindNothing: Law<EventLog> = Effect.gen(function* () {
  const { declaration, log } = yield* declared(2)
  yield* log.publish(declaration, many(3), 0)
  for (const stale of [0, 2, 4])
    assert.strictEqual(yield* tagOf(log.mark(declaration, [before, after], stale)), "BrokerRefused")
  assert.deepStrictEqual(yield* log.marked(declaration), [])
  yield* log.mark(declaration, [before, after], 3)
  // What was under way when the mark was made.
  assert.strictEqual(yield* tagOf(log.publish(declaration, many(2, 4), 3)), "BrokerRefused")
  assert.strictEqual(yield* tagOf(log.publish(declaration, many(1, 4), 3)), "BrokerRefused")
})

const endsWhereTheLastIs: Law<EventLog> = Effect.gen(function* () {
  const { declaration, log } = yield* declared(2)
  assert.deepStrictEqual(yield* log.ends(declaration, before), { ...before, ends: [0, 0] })
  const rows = many(20)
  yield* log.publish(declaration, rows, 0)
  yield* log.mark(declaration, [before, after], 20)
  yield* log.publish({ ...declaration, ...after }, many(20, 21), 21)
  const lastIn = (partition: number) => 1 + rows.findLastIndex((row) => partitionOf(row.slot, before) === partition)
  assert.deepStrictEqual(yield* log.ends(declaration, before), { ...before, ends: [lastIn(0), lastIn(1)] })
})

const isOfThePartitionsOfAfter: Law<EventLog> = Effect.gen(function* () {
  const { declaration, log } = yield* declared(2)
  const topology = { ...declaration, ...after }
  yield* log.publish(declaration, rowsOf(["a", "b"]), 0)
  yield* log.mark(declaration, [before, after], 2)
  yield* log.publish(topology, rowsOf(["a", "b"], 3), 3)
  for (const key of ["a", "b"]) {
    const partition = partitionOf(slotOf(key), after)
    const from = { handler: "mail", partition, epoch: 1, generation: 1, afterSeq: 0 }
    const { events } = yield* log.open(topology, from)
    const [first] = yield* Stream.runCollect(Stream.take(events, 1))
    assert.strictEqual(first?.key, key)
    assert.isAbove(first?.seq ?? 0, 3)
  }
})

const isSeenByNobody: Law<EventLog> = Effect.gen(function* () {
  const { declaration, log } = yield* declared(2)
  yield* log.publish(declaration, rowsOf(["a"]), 0)
  yield* log.mark(declaration, [before, after], 1)
  yield* log.publish({ ...declaration, ...after }, rowsOf(["b"], 2), 2)
  assert.deepStrictEqual(
    (yield* log.refs(declaration.name, 0, 3)).map(({ key, seq }) => [key, seq]),
    [
      ["a", 1],
      ["b", 3]
    ]
  )
  const from = { handler: "mail", generation: 0, afterSeq: 0, inHandMax: 10, ackWait: Duration.seconds(30) }
  const shared = yield* log.share(declaration, from)
  const got = yield* Stream.runCollect(Stream.take(shared.events, 2))
  assert.deepStrictEqual(
    got.map(({ stored }) => stored.seq),
    [1, 3]
  )
  yield* shared.acknowledge(got)
  yield* Effect.repeat(shared.position, { until: ({ floor }) => floor === 3, times: 100 })
  assert.strictEqual((yield* shared.position).floor, 3)
})

/** The laws of marks, which are some of the event log's. */
export const markLaws = lawsOf<EventLog>()({
  "the newest mark tells which topologies there were": saysWhatIsMarked,
  "a mark is made at the end of the stream only, and nothing that was under way comes behind it": comesBehindNothing,
  "partitions of before end with their last event": endsWhereTheLastIs,
  "behind a mark events go to the partitions of after": isOfThePartitionsOfAfter,
  "no reader gets to see a mark, and no floor stops in front of it": isSeenByNobody
})
