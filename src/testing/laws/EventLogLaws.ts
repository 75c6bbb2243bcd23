import { Effect, Stream } from "effect"
import type { OutboxRow } from "../../pipeline/Envelope.ts"
import { EventLog, type LogDeclaration } from "../../pipeline/EventLog.ts"
import { deliveryLaws } from "./DeliveryLaws.ts"
import { declared, from1to, many } from "./EventLogLawWorld.ts"
import { type Law, lawsOf } from "./Law.ts"
import { markLaws } from "./MarkLaws.ts"
import { eventually, rowsOf, tagOf, together } from "./LawWorld.ts"
import { assert } from "./assert.ts"

const wrongLastSequence = 10071

const duplicateInBatch = 10201

const refusal = <A, E, R>(operation: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(operation), (error) =>
    typeof error === "object" && error !== null && "code" in error ? error.code : error
  )

/** What of a message reconciliation may ask for. */
const refsIn = Effect.fnUntraced(function* ({ name }: LogDeclaration, afterSeq: number, toSeq: number) {
  const log = yield* EventLog
  const refs = yield* log.refs(name, afterSeq, toSeq)
  return refs.map(({ eventId, key, outboxId, seq, version }) => ({ eventId, key, outboxId, seq, version }))
})

/** The same as it should be for rows that begin at a sequence. */
const refsFor = (rows: ReadonlyArray<OutboxRow>, firstSeq: number) =>
  rows.map(({ eventId, id, key, version }, i) => ({ eventId, key, outboxId: id, seq: firstSeq + i, version }))

/** Of rows that were refused: what the stream has of them behind a sequence, which has to be a beginning. Returns its end. */
const beginningOf = Effect.fnUntraced(function* (
  declaration: LogDeclaration,
  rows: ReadonlyArray<OutboxRow>,
  behind: number
) {
  const log = yield* EventLog
  const { lastSeq } = yield* log.info(declaration.name)
  const stored = rows.slice(0, lastSeq - behind)
  assert.isBelow(stored.length, rows.length)
  assert.deepStrictEqual(yield* refsIn(declaration, behind, lastSeq), refsFor(stored, behind + 1))
  return lastSeq
})

const storesInOrder: Law<EventLog> = Effect.gen(function* () {
  const { declaration, lastSeq, log } = yield* declared(4)
  assert.strictEqual(yield* lastSeq, 0)
  const [first, second, third] = [rowsOf(["a", "b", "a"]), rowsOf(["c"], 4), many(300, 5)]
  assert.deepStrictEqual(yield* log.publish(declaration, first, 0), { seq: 3, duplicate: false })
  assert.deepStrictEqual(yield* log.publish(declaration, second, 3), { seq: 4, duplicate: false })
  assert.deepStrictEqual(yield* log.publish(declaration, third, 4), { seq: 304, duplicate: false })
  const info = yield* log.info(declaration.name)
  assert.deepStrictEqual([info.firstSeq, info.lastSeq], [1, 304])
  assert.deepStrictEqual(yield* refsIn(declaration, 0, 304), refsFor([...first, ...second, ...third], 1))
})

const refusesAnotherEnd: Law<EventLog> = Effect.gen(function* () {
  const { declaration, lastSeq, log } = yield* declared()
  yield* log.publish(declaration, rowsOf(["a", "b", "c"]), 0)
  for (const expected of [0, 2, 4]) {
    for (const rows of [rowsOf(["d"], 4), rowsOf(["d", "e"], 4)]) {
      assert.strictEqual(yield* refusal(log.publish(declaration, rows, expected)), wrongLastSequence)
    }
  }
  assert.strictEqual(yield* lastSeq, 3)
  assert.strictEqual((yield* log.publish(declaration, rowsOf(["d", "e"], 4), 3)).seq, 5)
})

const letsOneOfManyPublish: Law<EventLog> = Effect.gen(function* () {
  const { declaration, lastSeq, log } = yield* declared(4)
  const batches = from1to(4).map((i) => many(50, i * 1_000))
  const acks = yield* together(4, (i) => Effect.exit(log.publish(declaration, batches[i] ?? [], 0)))
  const winners = batches.filter((_, i) => acks[i]?._tag === "Success")
  assert.lengthOf(winners, 1)
  assert.strictEqual(yield* lastSeq, 50)
  assert.deepStrictEqual(yield* refsIn(declaration, 0, 50), refsFor(winners.flat(), 1))
})

const answersDuplicate: Law<EventLog> = Effect.gen(function* () {
  const { declaration, lastSeq, log } = yield* declared()
  const rows = rowsOf(["a", "b", "c"])
  yield* log.publish(declaration, rows, 0)
  for (const [i, row] of rows.entries()) {
    assert.deepStrictEqual(yield* log.publish(declaration, [row], 3), { seq: i + 1, duplicate: true })
  }
  assert.strictEqual(yield* lastSeq, 3)
  assert.deepStrictEqual(yield* log.publish(declaration, rowsOf(["d"], 4), 3), { seq: 4, duplicate: false })
})

const refusesAKnownIdInABatch: Law<EventLog> = Effect.gen(function* () {
  const { declaration, log } = yield* declared()
  const known = rowsOf(["a", "b"])
  yield* log.publish(declaration, known, 0)
  let last = 2
  for (const batch of [known, [...known.slice(0, 1), ...rowsOf(["c"], 3)], [...rowsOf(["d"], 4), ...known]]) {
    assert.strictEqual(yield* refusal(log.publish(declaration, batch, last)), duplicateInBatch)
    last = yield* beginningOf(declaration, batch, last)
  }
  // A refusal has not used the others' ids up.
  assert.deepStrictEqual(yield* log.publish(declaration, rowsOf(["c"], 3), last), { seq: last + 1, duplicate: false })
})

/** Somebody else's message in the place of the first: those behind it would fit, if only sequences were compared. */
const refusesWhatIsNotBehindItsOwn: Law<EventLog> = Effect.gen(function* () {
  const { declaration, lastSeq, log } = yield* declared()
  yield* log.publish(declaration, rowsOf(["x"]), 0)
  // What is known of a stream may decide how it is published to.
  assert.strictEqual(yield* lastSeq, 1)
  for (const count of [2, 3, 8, 20]) {
    assert.strictEqual(yield* refusal(log.publish(declaration, many(count, 10), 0)), wrongLastSequence)
    assert.strictEqual(yield* lastSeq, 1)
  }
})

const refusesAnIdTwiceInABatch: Law<EventLog> = Effect.gen(function* () {
  const { declaration, log } = yield* declared()
  const rows = rowsOf(["a", "b"])
  const batch = [...rows, ...rows.slice(0, 1)]
  assert.strictEqual(yield* refusal(log.publish(declaration, batch, 0)), duplicateInBatch)
  yield* beginningOf(declaration, batch, 0)
})

const takesNothingTooLarge: Law<EventLog> = Effect.gen(function* () {
  const { declaration, log } = yield* declared()
  const { messageMaxBytes } = yield* log.info(declaration.name)
  const large = rowsOf(["b"], 2).map((row) => ({ ...row, payload: "x".repeat(messageMaxBytes) }))
  const small = rowsOf(["a"])
  let last = 0
  for (const rows of [large, [...large, ...small], [...small, ...large]]) {
    assert.strictEqual((yield* Effect.exit(log.publish(declaration, rows, last)))._tag, "Failure")
    last = yield* beginningOf(declaration, rows, last)
  }
  assert.strictEqual((yield* log.publish(declaration, rowsOf(["c"], 3), last)).seq, last + 1)
})

const refersExactly: Law<EventLog> = Effect.gen(function* () {
  const { declaration, log } = yield* declared(4)
  const rows = many(10)
  yield* log.publish(declaration, rows, 0)
  for (const [after, to] of [
    [0, 10],
    [0, 1],
    [9, 10],
    [3, 7],
    [4, 4],
    [7, 3],
    [8, 12],
    [10, 20]
  ] as const) {
    const want = refsFor(rows, 1).filter(({ seq }) => seq > after && seq <= to)
    assert.deepStrictEqual(yield* refsIn(declaration, after, to), want, `(${after}, ${to}]`)
  }
})

const declaresOnce: Law<EventLog> = Effect.gen(function* () {
  const { declaration, lastSeq, log } = yield* declared()
  yield* log.publish(declaration, many(3), 0)
  yield* together(4, () => log.declare(declaration))
  assert.strictEqual(yield* lastSeq, 3)
})

const comparesTheDeclaration: Law<EventLog> = Effect.gen(function* () {
  const { declaration, log } = yield* declared()
  const other = { ...declaration, subject: `${declaration.subject}other` }
  assert.strictEqual(yield* tagOf(log.declare(other)), "StreamMismatch")
})

const rings: Law<EventLog> = Effect.gen(function* () {
  const { declaration, log } = yield* declared()
  const heard: Array<string> = []
  const listen = (bell: string) =>
    Effect.forkScoped(Stream.runForEach(log.rings(bell), () => Effect.sync(() => void heard.push(bell))))
  const [bell, silent] = [`${declaration.name}-a`, `${declaration.name}-b`]
  yield* log.ring(bell)
  yield* Effect.all([listen(bell), listen(silent)])
  yield* eventually(
    "a ring",
    Effect.map(log.ring(bell), () => heard.length > 0)
  )
  assert.notInclude(heard, silent)
})

/** The laws of `EventLog`. */
export const eventLogLaws = lawsOf<EventLog>()({
  ...markLaws,
  "a publish stores all of its events, in their order, and answers with the last sequence": storesInOrder,
  "a publish that expects another end is refused by 10071, and stores nothing": refusesAnotherEnd,
  "of many that expect the same end one publishes, and nothing of the others is there": letsOneOfManyPublish,
  "an event alone that is there already is a duplicate, at its first sequence": answersDuplicate,
  "a batch with an event that is there already is refused by 10201, and stores a beginning at most":
    refusesAKnownIdInABatch,
  "a batch with an event twice is refused by 10201, and stores a beginning at most": refusesAnIdTwiceInABatch,
  "of a batch whose first does not fit nothing is stored, though the others' sequences would":
    refusesWhatIsNotBehindItsOwn,
  "what is larger than the largest message it takes is not taken, nor anything behind it": takesNothingTooLarge,
  "refers to exactly what is in (after, to]": refersExactly,
  "declaring again changes nothing": declaresOnce,
  "a declaration that differs from the stream is a typed mismatch": comparesTheDeclaration,
  "a ring reaches who listens to that bell, and nobody else": rings,
  ...deliveryLaws
})
