import { Effect } from "effect"
import { ControlDesk } from "../../pipeline/ControlDesk.ts"
import { EffectLedger } from "../../pipeline/EffectLedger.ts"
import { Inbox } from "../../pipeline/Inbox.ts"
import { Ownership } from "../../pipeline/Ownership.ts"
import { ParkingDesk } from "../../pipeline/ParkingDesk.ts"
import { type Outcome, PipelineView } from "../../pipeline/PipelineView.ts"
import { RelayStore } from "../../pipeline/RelayStore.ts"
import { type Law, lawsOf } from "./Law.ts"
import {
  type StorePorts,
  append,
  claimed,
  commitOf,
  freshStream,
  present,
  reasonOf,
  rowsIn,
  storedOf
} from "./LawWorld.ts"
import { LeaseClock } from "./LeaseClock.ts"
import { assert } from "./assert.ts"

/** The ports through which there comes to be something to see. */
export type ViewPorts = StorePorts | ControlDesk | EffectLedger | ParkingDesk | PipelineView

const ada = { id: "ada", host: "here", version: "1", roles: ["worker"] }

const opened = Effect.gen(function* () {
  const stream = yield* freshStream
  const view = yield* PipelineView
  const ownership = yield* Ownership
  const inbox = yield* Inbox
  yield* ownership.declare(stream, ["mail"], 2)
  return { stream, view, ownership, inbox, facts: view.facts(stream, 1_000) }
})

const seesNothing: Law<ViewPorts> = Effect.gen(function* () {
  const { facts, stream, view } = yield* opened
  const seen = yield* facts
  assert.strictEqual(seen.partitions, 2)
  assert.deepStrictEqual(seen.outbox, { rows: 0, oldestMs: 0, heldKeys: 0 })
  assert.deepStrictEqual(seen.relay, { leader: undefined, epoch: 0, lastSeq: 0 })
  assert.deepStrictEqual(
    seen.leases,
    [0, 1].map((partition) => ({
      handler: "mail",
      partition,
      delivery: "ordered",
      owner: undefined,
      epoch: 0,
      cursor: 0
    }))
  )
  assert.deepStrictEqual([seen.instances, seen.aside, seen.controls, [...seen.violations]], [[], [], [], []])
  assert.strictEqual((yield* view.key(stream, "nobody")).version, 0)
  assert.strictEqual((yield* view.facts(yield* freshStream, 10)).partitions, 0)
})

const seesOwners: Law<ViewPorts> = Effect.gen(function* () {
  const { facts, ownership, stream } = yield* opened
  const [claim] = yield* claimed(stream, "ada", 1)
  yield* ownership.beat(stream, ada, ["mail"], [yield* present(claim)], "first")
  // What has nothing new to say has said what it said.
  yield* ownership.beat(stream, ada, ["mail"], [yield* present(claim)])
  const seen = yield* facts
  assert.deepStrictEqual(
    seen.instances.map(({ seenMs: _, startedAtMs: __, ...one }) => one),
    [{ ...ada, handlers: ["mail"], report: "first" }]
  )
  assert.isBelow(seen.instances[0]?.seenMs ?? 9_999, 2_000)
  assert.isBelow(Math.abs(seen.nowMs - (seen.instances[0]?.startedAtMs ?? 0)), 60_000)
  assert.deepStrictEqual(
    seen.leases.map(({ epoch, owner }) => [owner, epoch]),
    [
      ["ada", 1],
      [undefined, 0]
    ]
  )
  yield* (yield* LeaseClock).expire(stream)
  const after = yield* facts
  assert.isTrue(after.leases.every(({ owner }) => owner === undefined))
  // Who left without a word is shown for a while.
  assert.isAbove(after.instances[0]?.seenMs ?? 0, 3_000)
  yield* ownership.leave(stream, ada)
  assert.deepStrictEqual((yield* facts).instances, [])
})

const countsTheOutbox: Law<ViewPorts> = Effect.gen(function* () {
  const { facts, stream, view } = yield* opened
  const relay = yield* RelayStore
  yield* append(stream, ["a", "b", "a", "c"])
  yield* Effect.sleep(30)
  const { outbox } = yield* facts
  assert.strictEqual(outbox.rows, 4)
  assert.isAtLeast(outbox.oldestMs, 20)
  assert.strictEqual((yield* view.facts(stream, 3)).outbox.rows, 3)
  const [, , second] = yield* rowsIn(stream)
  yield* relay.hold(stream, yield* present(second), "too large")
  assert.deepStrictEqual({ ...(yield* facts).outbox, oldestMs: 0 }, { rows: 3, oldestMs: 0, heldKeys: 1 })
  const key = yield* view.key(stream, "a")
  assert.strictEqual(key.version, 2)
  assert.deepStrictEqual(
    key.outbox.map(({ held, version }) => [version, held]),
    [
      [1, false],
      [2, true]
    ]
  )
})

const seesLeader: Law<ViewPorts> = Effect.gen(function* () {
  const { facts, stream } = yield* opened
  const relay = yield* RelayStore
  yield* relay.acquire(stream, "ada")
  assert.deepStrictEqual((yield* facts).relay, { leader: "ada", epoch: 1, lastSeq: 0 })
  yield* (yield* LeaseClock).expire(stream)
  assert.strictEqual((yield* facts).relay.leader, undefined)
})

const tellsOfAKey: Law<ViewPorts> = Effect.gen(function* () {
  const { facts, inbox, ownership, stream, view } = yield* opened
  const claim = yield* ownership.open(yield* present((yield* claimed(stream, "ada", 1))[0]))
  const event = (version: number) => storedOf("a", version, version)
  yield* inbox.commitOne({ ...commitOf(claim, ["a"]), cursorTo: 1 })
  yield* inbox.commitOne({
    ...commitOf(claim, []),
    cursorFrom: 1,
    cursorTo: 3,
    moves: [{ key: "a", from: 1, to: 3, parked: true }],
    parked: [
      { event: event(2), reason: reasonOf("Boom", 3) },
      { event: event(3), reason: undefined }
    ],
    violations: [{ event: event(3), handledVersion: 1 }]
  })
  const [mail] = (yield* view.key(stream, "a")).handlers
  assert.deepStrictEqual(mail && { ...mail, parked: mail.parked.toSorted() }, {
    handler: "mail",
    delivery: "ordered",
    version: 3,
    beyond: [],
    parked: [2, 3],
    discarded: [],
    violations: [3],
    acknowledged: []
  })
  const seen = yield* facts
  assert.deepStrictEqual(seen.aside, [{ handler: "mail", parkedKeys: 1, retryingKeys: 0, events: 2 }])
  assert.deepStrictEqual([...seen.violations], [["mail", 1]])
  const by = { actor: "eve", why: "old" }
  yield* (yield* ParkingDesk).discard(stream, [{ handler: "mail", key: "a" }], by)
  const [after] = (yield* view.key(stream, "a")).handlers
  assert.deepStrictEqual([after?.parked, after?.discarded.toSorted()], [[], [2, 3]])
  const [act] = yield* (yield* ControlDesk).operations(stream, 10)
  assert.deepStrictEqual([act?.act, act?.handler, act?.key, act?.actor], ["discard", "mail", "a", "eve"])
})

const tellsWhatCameOfEvents: Law<ViewPorts> = Effect.gen(function* () {
  const { inbox, ownership, stream, view } = yield* opened
  const claim = yield* ownership.open(yield* present((yield* claimed(stream, "ada", 1))[0]))
  const event = (key: string, version: number, seq: number) => storedOf(key, version, seq)
  yield* inbox.commitOne({
    ...commitOf(claim, ["sound"]),
    cursorTo: 6,
    moves: ["sound", "given up", "tried", "thrown away"].map((key) => ({
      key,
      from: 0,
      to: 1,
      parked: key !== "sound"
    })),
    parked: [
      { event: event("given up", 1, 2), reason: reasonOf("Boom", 3) },
      { event: event("given up", 2, 3), reason: undefined },
      { event: event("tried", 1, 4), reason: reasonOf("Boom", 1, 60_000) },
      { event: event("thrown away", 1, 5), reason: reasonOf("Boom", 3) }
    ]
  })
  const by = { actor: "eve", why: "old" }
  yield* (yield* ParkingDesk).discard(stream, [{ handler: "mail", key: "thrown away" }], by)
  const names = ["sound", "given up", "tried", "thrown away", "new"]
  const events = names.flatMap((key) => [1, 2].map((version) => ({ key, version })))
  const having = (outcome: Outcome) =>
    Effect.map(view.having(stream, events, outcome), (found) =>
      found.map(({ handler, key, version }) => `${handler}: ${key}${version}`).toSorted()
    )
  assert.deepStrictEqual(yield* having("handled"), ["mail: sound1"])
  assert.deepStrictEqual(yield* having("parked"), ["mail: given up1"])
  assert.deepStrictEqual(yield* having("behind"), ["mail: given up2"])
  assert.deepStrictEqual(yield* having("retrying"), ["mail: tried1"])
  assert.deepStrictEqual(yield* having("discarded"), ["mail: thrown away1"])
  assert.deepStrictEqual(yield* having("waiting"), [
    "mail: new1",
    "mail: new2",
    "mail: sound2",
    "mail: thrown away2",
    "mail: tried2"
  ])
  assert.deepStrictEqual(yield* view.having(stream, [], "handled"), [])
})

const tellsOfEffects: Law<ViewPorts> = Effect.gen(function* () {
  const { stream, view } = yield* opened
  const ledger = yield* EffectLedger
  yield* ledger.intend(stream, "mail", ["mail:one:0", "mail:two:0", "mail:two:1"])
  yield* ledger.confirm(stream, "mail", ["mail:two:1"])
  const seen = yield* view.effects(stream, ["mail", "push"], ["one", "two", "three"])
  assert.deepStrictEqual(
    seen
      .map(({ confirmedAtMs, eventId, handler }) => [handler, eventId, confirmedAtMs === undefined])
      .toSorted((a, b) => String(a[1]).localeCompare(String(b[1]))),
    [
      ["mail", "one", true],
      ["mail", "two", false]
    ]
  )
})

/** The laws of `PipelineView`. */
export const viewLaws = lawsOf<ViewPorts>()({
  "there is nothing to see at first": seesNothing,
  "sees who owns what, who is alive, and what they say": seesOwners,
  "counts what waits in the outbox, up to a limit, without what is held": countsTheOutbox,
  "sees who leads the relay": seesLeader,
  "tells what a handler has made of a key": tellsOfAKey,
  "tells which events have come to what": tellsWhatCameOfEvents,
  "tells of effects outside, over all generations": tellsOfEffects
})
