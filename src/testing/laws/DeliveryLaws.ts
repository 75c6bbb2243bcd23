import { Effect, Fiber, type Scope, Stream } from "effect"
import type { OutboxRow, StoredEvent } from "../../pipeline/Envelope.ts"
import { EventLog, type LogDeclaration, type ReadFrom } from "../../pipeline/EventLog.ts"
import { partitionOf } from "../../pipeline/Partition.ts"
import { declared, from1to, many } from "./EventLogLawWorld.ts"
import { type Law, lawsOf } from "./Law.ts"
import { together } from "./LawWorld.ts"
import { assert } from "./assert.ts"

const reader: ReadFrom = { handler: "mail", partition: 0, epoch: 1, generation: 1, afterSeq: 0 }

/** The next so many events of a partition. */
const take = Effect.fnUntraced(
  function* (
    declaration: LogDeclaration,
    from: Partial<ReadFrom>,
    count: number
  ): Effect.fn.Return<ReadonlyArray<StoredEvent>, unknown, EventLog | Scope.Scope> {
    const log = yield* EventLog
    const { acknowledge, events } = yield* log.open(declaration, { ...reader, ...from })
    return yield* events.pipe(
      Stream.tap((event) => acknowledge(event.seq)),
      Stream.take(count),
      Stream.runCollect
    )
  },
  Effect.scoped,
  Effect.timeout("5 seconds")
)

const seqsOf = (events: ReadonlyArray<{ readonly seq: number }>) => events.map((event) => event.seq)

/** What a partition's readers should get of rows that begin at sequence 1. */
const eventsOf = (rows: ReadonlyArray<OutboxRow>, partition: number, partitions: number): ReadonlyArray<StoredEvent> =>
  rows
    .map(({ id, slot, ...row }, i) => ({ slot, event: { ...row, outboxId: id, seq: i + 1 } }))
    .filter(({ slot }) => partitionOf(slot, { partitions }) === partition)
    .map(({ event }) => event)

/** An event without what an adapter may keep beside it. */
const plain = ({ eventId, key, outboxId, payload, seq, traceparent, type, version }: StoredEvent): StoredEvent => ({
  eventId,
  key,
  version,
  type,
  traceparent,
  payload,
  outboxId,
  seq
})

const deliversItsPartition: Law<EventLog> = Effect.gen(function* () {
  const { declaration, log } = yield* declared(4)
  const rows = many(200)
  const wanted = [0, 1, 2, 3].map((partition) => eventsOf(rows, partition, 4))
  const read = (handler: string) =>
    together(4, (partition) => take(declaration, { handler, partition }, wanted[partition]?.length ?? 0))
  yield* log.publish(declaration, rows.slice(0, 100), 0)
  const early = yield* Effect.forkScoped(read("early"))
  yield* Effect.sleep("100 millis")
  yield* log.publish(declaration, rows.slice(100), 100)
  for (const got of [yield* Fiber.join(early), yield* read("late")]) {
    assert.deepStrictEqual(
      got.map((events) => events.map(plain)),
      wanted
    )
  }
})

const startsBehindTheCursor: Law<EventLog> = Effect.gen(function* () {
  const { declaration, log } = yield* declared()
  yield* log.publish(declaration, many(20), 0)
  for (const afterSeq of [0, 1, 13]) {
    const got = yield* take(declaration, { afterSeq, generation: afterSeq + 1 }, 20 - afterSeq)
    assert.deepStrictEqual(
      seqsOf(got),
      from1to(20).filter((seq) => seq > afterSeq)
    )
  }
})

const deliversWhatComesLater: Law<EventLog> = Effect.gen(function* () {
  const { declaration, log } = yield* declared()
  yield* log.publish(declaration, many(5), 0)
  const reading = yield* Effect.forkScoped(take(declaration, {}, 15))
  const atTheEnd = yield* Effect.forkScoped(take(declaration, { handler: "late", afterSeq: 5 }, 10))
  yield* log.publish(declaration, many(4, 6), 5)
  yield* Effect.sleep("100 millis")
  yield* log.publish(declaration, many(6, 10), 9)
  assert.deepStrictEqual(seqsOf(yield* Fiber.join(reading)), from1to(15))
  assert.deepStrictEqual(
    seqsOf(yield* Fiber.join(atTheEnd)),
    from1to(15).filter((seq) => seq > 5)
  )
})

const waitsForACursorAhead: Law<EventLog> = Effect.gen(function* () {
  const { declaration, log } = yield* declared()
  yield* log.publish(declaration, many(2), 0)
  const reading = yield* Effect.forkScoped(take(declaration, { afterSeq: 5 }, 2))
  yield* Effect.sleep("200 millis")
  yield* log.publish(declaration, many(5, 3), 2)
  assert.deepStrictEqual(seqsOf(yield* Fiber.join(reading)), [6, 7])
})

const servesEveryHandler: Law<EventLog> = Effect.gen(function* () {
  const { declaration, log } = yield* declared()
  yield* log.publish(declaration, many(50), 0)
  const readers = ["mail", "points", "audit"]
  const got = yield* together(3, (i) => take(declaration, { handler: readers[i] ?? "" }, 50))
  for (const events of got) assert.deepStrictEqual(seqsOf(events), from1to(50))
})

const opensForTheNext: Law<EventLog> = Effect.gen(function* () {
  const { declaration, log } = yield* declared()
  yield* log.publish(declaration, many(10), 0)
  yield* log.open(declaration, reader)
  // Whoever had it is still there: neither its window nor its acknowledgements may be in the way of the next.
  for (const next of [{ generation: 2 }, { generation: 3 }, { epoch: 2 }, { epoch: 2, generation: 2 }]) {
    yield* log.open(declaration, { ...reader, ...next, generation: (next.generation ?? 1) + 10 })
    assert.deepStrictEqual(seqsOf(yield* take(declaration, next, 10)), from1to(10))
  }
})

/** The laws of what an `EventLog` delivers. */
export const deliveryLaws = lawsOf<EventLog>()({
  "delivers a partition's events and no others, in order, as they were written": deliversItsPartition,
  "delivers from behind the cursor on": startsBehindTheCursor,
  "delivers what is published later": deliversWhatComesLater,
  "delivers nothing up to the cursor, also when that is ahead of the stream": waitsForACursorAhead,
  "every handler gets every event": servesEveryHandler,
  "the next generation or epoch gets everything, though the one before is still there": opensForTheNext
})
