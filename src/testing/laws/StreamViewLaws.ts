import { Effect } from "effect"
import { EventLog } from "../../pipeline/EventLog.ts"
import { partitionOf } from "../../pipeline/Partition.ts"
import { StreamView } from "../../pipeline/StreamView.ts"
import { type Law, lawsOf } from "./Law.ts"
import { freshLog, rowsOf } from "./LawWorld.ts"
import { assert } from "./assert.ts"

const opened = Effect.fnUntraced(function* (partitions: number, keys: ReadonlyArray<string>) {
  const log = yield* EventLog
  const view = yield* StreamView
  const declaration = freshLog(partitions)
  yield* log.declare(declaration)
  const rows = rowsOf(keys)
  if (rows.length > 0) yield* log.publish(declaration, rows, 0)
  return { log, view, declaration, rows }
})

const keys = Array.from({ length: 40 }, (_, i) => `key ${i % 9}`)

const tellsItsSize: Law<EventLog | StreamView> = Effect.gen(function* () {
  const { declaration, log, view } = yield* opened(2, [])
  const before = yield* view.stats(declaration.name)
  assert.deepStrictEqual([before.lastSeq, before.messages, before.bytes], [0, 0, 0])
  yield* log.publish(declaration, rowsOf(["a", "b", "c"]), 0)
  const after = yield* view.stats(declaration.name)
  assert.deepStrictEqual([after.firstSeq, after.lastSeq, after.messages], [1, 3, 3])
  assert.isAbove(after.bytes, 0)
})

const reads: Law<EventLog | StreamView> = Effect.gen(function* () {
  const { declaration, rows, view } = yield* opened(4, keys)
  const all = yield* view.read(declaration, { fromSeq: 1, eventsMax: 100, payloads: true })
  assert.deepStrictEqual(
    all.map(({ eventId, key, payload, seq, type, version }) => ({ eventId, key, payload, seq, type, version })),
    rows.map(({ eventId, key, payload, type, version }, i) => ({ eventId, key, payload, seq: i + 1, type, version }))
  )
  assert.isTrue(all.every((event, i) => event.partition === partitionOf(rows[i]?.slot ?? -1, { partitions: 4 })))
  assert.isTrue(all.every(({ payload, payloadBytes }) => payloadBytes === new TextEncoder().encode(payload).length))
  assert.isBelow(Math.abs(Date.now() - (all[0]?.storedAtMs ?? 0)), 60_000)
  const some = yield* view.read(declaration, { fromSeq: 11, eventsMax: 5, payloads: false })
  assert.deepStrictEqual(
    some.map(({ payload, payloadBytes, seq }) => [seq, payload, payloadBytes > 0]),
    [11, 12, 13, 14, 15].map((seq) => [seq, "", true])
  )
  const own = yield* view.read(declaration, { fromSeq: 1, partition: 2, eventsMax: 100, payloads: false })
  assert.deepStrictEqual(
    own.map(({ seq }) => seq),
    all.filter(({ partition }) => partition === 2).map(({ seq }) => seq)
  )
  assert.deepStrictEqual(yield* view.read(declaration, { fromSeq: 41, eventsMax: 5, payloads: true }), [])
})

const readsOne: Law<EventLog | StreamView> = Effect.gen(function* () {
  const { declaration, rows, view } = yield* opened(1, ["a", "b"])
  const one = yield* view.at(declaration, 2)
  assert.deepStrictEqual([one?.seq, one?.key, one?.eventId, one?.payload], [2, "b", rows[1]?.eventId, rows[1]?.payload])
  assert.isUndefined(yield* view.at(declaration, 3))
})

const tellsWhatIsBehind: Law<EventLog | StreamView> = Effect.gen(function* () {
  const { declaration, view } = yield* opened(4, keys)
  const own = (yield* view.read(declaration, { fromSeq: 1, partition: 1, eventsMax: 100, payloads: false })).map(
    ({ seq }) => seq
  )
  const whole = yield* view.behind(declaration, 1, 0)
  assert.strictEqual(whole.events, own.length)
  assert.isBelow(Math.abs(Date.now() - (whole.oldestStoredAtMs ?? 0)), 60_000)
  assert.strictEqual((yield* view.behind(declaration, 1, own[2] ?? 0)).events, own.length - 3)
  assert.deepStrictEqual(yield* view.behind(declaration, 1, 40), { events: 0, oldestStoredAtMs: undefined })
})

/** The laws of `StreamView`. */
export const streamViewLaws = lawsOf<EventLog | StreamView>()({
  "tells how large the stream is": tellsItsSize,
  "reads from a sequence on, of all partitions or of one, with payloads or without": reads,
  "reads the event at a sequence": readsOne,
  "tells what a partition has above a sequence": tellsWhatIsBehind
})
