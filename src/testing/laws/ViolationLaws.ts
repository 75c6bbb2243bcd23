import { Effect } from "effect"
import { AuditStore } from "../../pipeline/AuditStore.ts"
import { ControlDesk } from "../../pipeline/ControlDesk.ts"
import { Inbox } from "../../pipeline/Inbox.ts"
import { Ownership } from "../../pipeline/Ownership.ts"
import { ParkingDesk } from "../../pipeline/ParkingDesk.ts"
import { PipelineView } from "../../pipeline/PipelineView.ts"
import { ViolationDesk } from "../../pipeline/ViolationDesk.ts"
import { type Law, lawsOf } from "./Law.ts"
import { type StorePorts, claimed, freshStream, present, reasonOf, storedOf, together } from "./LawWorld.ts"
import { assert } from "./assert.ts"

/** The ports through which violations come to be, are seen, and are acknowledged. */
export type ViolationPorts = StorePorts | AuditStore | ControlDesk | ParkingDesk | PipelineView | ViolationDesk

const eve = { actor: "eve", why: "a script wrote to the stream" }

/** A handler `mail`, and a way to record that it got version 5, 7, 9 … of a key when it had none of it. */
const opened = Effect.gen(function* () {
  const stream = yield* freshStream
  const desk = yield* ViolationDesk
  const inbox = yield* Inbox
  const ownership = yield* Ownership
  yield* ownership.declare(stream, ["mail"], 1)
  const claim = yield* ownership.open(yield* present((yield* claimed(stream, "ada", 1))[0]))
  let seq = claim.cursor
  const violate = (key: string) =>
    Effect.suspend(() => {
      seq += 1
      const event = storedOf(key, 3 + 2 * seq, seq)
      return inbox.commitOne({
        claim,
        cursorFrom: seq - 1,
        cursorTo: seq,
        moves: [],
        parked: [{ event, reason: reasonOf("OrderViolation", 0) }],
        violations: [{ event, handledVersion: 0 }]
      })
    })
  const open = Effect.map(desk.list(stream, { isOpen: true }, 100), (some) => some.map(({ key }) => key))
  const view = yield* PipelineView
  const counted = Effect.map(view.facts(stream, 10), ({ violations }) => violations.get("mail") ?? 0)
  return { stream, desk, violate, open, counted, view }
})

const listsWhatWasSeen: Law<ViolationPorts> = Effect.gen(function* () {
  const { desk, open, stream, violate } = yield* opened
  assert.deepStrictEqual([yield* open, yield* desk.count(stream, {})], [[], 0])
  yield* violate("a")
  yield* violate("b")
  assert.deepStrictEqual(yield* open, ["b", "a"])
  const [first] = yield* desk.list(stream, { handler: "mail", key: "a" }, 100)
  assert.deepStrictEqual(
    first && [first.handler, first.handledVersion, first.version, first.parkedEvents, first.acknowledged],
    ["mail", 0, 5, 1, undefined]
  )
  assert.isAbove(first?.seenAtMs ?? 0, 0)
  assert.lengthOf(yield* desk.list(stream, {}, 1), 1)
  assert.lengthOf(yield* desk.list(stream, { handler: "push" }, 100), 0)
  assert.strictEqual(yield* desk.count(stream, { handler: "mail" }), 2)
})

const countsNoMore: Law<ViolationPorts> = Effect.gen(function* () {
  const { counted, desk, open, stream, view, violate } = yield* opened
  yield* violate("a")
  yield* violate("b")
  assert.strictEqual(yield* counted, 2)
  assert.strictEqual(yield* desk.acknowledge(stream, { handler: "mail", key: "a" }, eve), 1)
  assert.deepStrictEqual([yield* open, yield* counted], [["b"], 1])
  const [, a] = yield* desk.list(stream, {}, 100)
  assert.deepStrictEqual(a?.acknowledged && { ...a.acknowledged, atMs: 0 }, { ...eve, atMs: 0 })
  assert.isAbove(a?.acknowledged?.atMs ?? 0, 0)
  const [mail] = (yield* view.key(stream, "a")).handlers
  assert.deepStrictEqual([mail?.violations, mail?.acknowledged], [[], [5]])
  const { handlers } = yield* (yield* AuditStore).facts(stream)
  assert.deepStrictEqual(handlers[0]?.violations, [
    { key: "a", version: 5, isOpen: false },
    { key: "b", version: 7, isOpen: true }
  ])
})

const theNextOneCounts: Law<ViolationPorts> = Effect.gen(function* () {
  const { counted, desk, open, stream, violate } = yield* opened
  yield* violate("a")
  yield* desk.acknowledge(stream, { handler: "mail", key: "a" }, eve)
  yield* violate("a")
  assert.deepStrictEqual([yield* open, yield* counted], [["a"], 1])
})

const leavesWhatWasNotSeen: Law<ViolationPorts> = Effect.gen(function* () {
  const { desk, stream, violate } = yield* opened
  yield* violate("a")
  const [seen] = yield* desk.list(stream, {}, 1)
  yield* violate("a")
  const upToId = (yield* present(seen)).id
  assert.strictEqual(yield* desk.acknowledge(stream, { handler: "mail", key: "a", upToId }, eve), 1)
  assert.strictEqual(yield* desk.count(stream, { isOpen: true }), 1)
})

const leavesTheKey: Law<ViolationPorts> = Effect.gen(function* () {
  const { desk, stream, violate } = yield* opened
  yield* violate("a")
  yield* desk.acknowledge(stream, { handler: "mail", key: "a" }, eve)
  const parked = yield* (yield* ParkingDesk).list(stream, { key: "a" }, 10)
  assert.deepStrictEqual(
    parked.map(({ events, status }) => [status, events]),
    [["parked", 1]]
  )
  const [still] = yield* desk.list(stream, {}, 1)
  assert.strictEqual(still?.parkedEvents, 1)
})

const isOnRecordOnce: Law<ViolationPorts> = Effect.gen(function* () {
  const { desk, stream, violate } = yield* opened
  yield* violate("a")
  yield* violate("a")
  const answers = yield* together(8, (i) =>
    desk.acknowledge(stream, { handler: "mail", key: "a" }, { actor: `eve-${i}`, why: "seen" })
  )
  assert.deepStrictEqual(answers.toSorted(), [0, 0, 0, 0, 0, 0, 0, 2])
  const done = yield* (yield* ControlDesk).operations(stream, 100)
  assert.deepStrictEqual(
    done.map(({ act, detail, handler, key, why }) => [act, handler, key, detail, why]),
    [["acknowledge", "mail", "a", "2 violations", "seen"]]
  )
  const [one] = yield* desk.list(stream, {}, 1)
  assert.strictEqual(one?.acknowledged?.actor, done[0]?.actor)
})

const keepsStreamsApart: Law<ViolationPorts> = Effect.gen(function* () {
  const one = yield* opened
  const other = yield* opened
  yield* one.violate("a")
  yield* other.violate("a")
  yield* one.desk.acknowledge(one.stream, { handler: "mail", key: "a" }, eve)
  assert.deepStrictEqual([yield* one.counted, yield* other.counted], [0, 1])
})

/** The laws of `ViolationDesk`. */
export const violationLaws = lawsOf<ViolationPorts>()({
  "what was seen is listed, newest first, with what is parked of its key": listsWhatWasSeen,
  "what is acknowledged counts no more, and says by whom": countsNoMore,
  "the next violation of the same key counts": theNextOneCounts,
  "what came after the one that was looked at stays open": leavesWhatWasNotSeen,
  "the key stays as it is": leavesTheKey,
  "of several at once, one is on record": isOnRecordOnce,
  "streams are apart": keepsStreamsApart
})
