import { Effect } from "effect"
import { type ControlChange, ControlDesk, type ControlTarget } from "../../pipeline/ControlDesk.ts"
import { Ownership } from "../../pipeline/Ownership.ts"
import { ParkingDesk } from "../../pipeline/ParkingDesk.ts"
import { type Law, lawsOf } from "./Law.ts"
import { freshStream, together } from "./LawWorld.ts"
import { assert } from "./assert.ts"

/** The ports that controls go through: who writes them, and who sees them. */
export type ControlPorts = ControlDesk | Ownership | ParkingDesk

const by = { actor: "eve", why: "to see" }
const ada = { id: "ada", host: "here", version: "1", roles: ["worker"] }

const opened = Effect.gen(function* () {
  const stream = yield* freshStream
  const desk = yield* ControlDesk
  const ownership = yield* Ownership
  yield* ownership.declare(stream, ["mail", "push"], 2)
  const change = (act: string, target: ControlTarget, to: ControlChange) => desk.change(stream, act, target, to, by)
  const seen = Effect.map(ownership.beat(stream, ada, ["mail"], []), ({ controls }) =>
    controls
      .map(({ draining, handler, instance, partition, paused, perSecond }) =>
        [
          handler ?? "",
          partition ?? "",
          instance ?? "",
          paused ? "paused" : "",
          perSecond ?? "",
          draining ? "drains" : ""
        ]
          .filter((word) => word !== "")
          .join(" ")
      )
      .toSorted()
  )
  return { stream, desk, change, seen }
})

const isSeen: Law<ControlPorts> = Effect.gen(function* () {
  const { change, desk, seen, stream } = yield* opened
  assert.deepStrictEqual(yield* seen, [])
  assert.isTrue(yield* change("pause", { handler: "mail" }, { paused: true }))
  assert.isTrue(yield* change("pause", { handler: "push", partition: 1 }, { paused: true }))
  assert.isTrue(yield* change("throttle", { handler: "mail" }, { perSecond: 2.5 }))
  assert.isTrue(yield* change("drain", { instance: "bob" }, { draining: true }))
  assert.deepStrictEqual(yield* seen, ["bob drains", "mail paused 2.5", "push 1 paused"])
  const [entry] = (yield* desk.list(stream)).filter(({ handler, partition }) => handler === "push" && partition === 1)
  assert.deepStrictEqual([entry?.actor, entry?.why], ["eve", "to see"])
  assert.isAbove(entry?.atMs ?? 0, 0)
})

const saysWhetherItWasSo: Law<ControlPorts> = Effect.gen(function* () {
  const { change, seen } = yield* opened
  assert.isFalse(yield* change("resume", { handler: "mail" }, { paused: false }))
  assert.isTrue(yield* change("pause", { handler: "mail" }, { paused: true }))
  assert.isFalse(yield* change("pause", { handler: "mail" }, { paused: true }))
  assert.isTrue(yield* change("resume", { handler: "mail" }, { paused: false }))
  assert.isFalse(yield* change("throttle", { handler: "mail" }, { perSecond: null }))
  assert.deepStrictEqual(yield* seen, [])
})

const resumesWhatIsWithin: Law<ControlPorts> = Effect.gen(function* () {
  const { change, seen } = yield* opened
  yield* change("pause", { handler: "mail" }, { paused: true })
  yield* change("pause", { handler: "mail", partition: 1 }, { paused: true })
  yield* change("pause", { handler: "push", partition: 0 }, { paused: true })
  yield* change("throttle", { handler: "push" }, { perSecond: 1 })
  assert.isTrue(yield* change("resume", { handler: "mail" }, { paused: false }))
  assert.deepStrictEqual(yield* seen, ["push 0 paused", "push 1"])
  yield* change("pause", {}, { paused: true })
  assert.isTrue(yield* change("resume", {}, { paused: false }))
  // A limit is no pause, and neither is a drain.
  assert.deepStrictEqual(yield* seen, ["push 1"])
})

const keepsWhatOthersChange: Law<ControlPorts> = Effect.gen(function* () {
  const { change, desk, seen, stream } = yield* opened
  yield* together(12, (i) => change("drain", { instance: `i-${i}` }, { draining: true }))
  assert.lengthOf(yield* seen, 12)
  assert.lengthOf(yield* desk.operations(stream, 100), 12)
})

const keepsWhatWasDone: Law<ControlPorts> = Effect.gen(function* () {
  const { change, desk, stream } = yield* opened
  yield* change("pause", { handler: "mail", partition: 1 }, { paused: true })
  yield* change("throttle", { handler: "mail" }, { perSecond: 5 })
  yield* change("throttle", { handler: "mail" }, { perSecond: null })
  yield* change("drain", { instance: "bob" }, { draining: true })
  const done = yield* desk.operations(stream, 3)
  assert.deepStrictEqual(
    done.map(({ act, actor, detail, handler, instance, why }) => [act, handler, instance, detail, actor, why]),
    [
      ["drain", undefined, "bob", "", "eve", "to see"],
      ["throttle", "mail", undefined, "no limit", "eve", "to see"],
      ["throttle", "mail", undefined, "5 a second", "eve", "to see"]
    ]
  )
  assert.isTrue(done.every(({ atMs }, i) => atMs <= (done[i - 1]?.atMs ?? atMs)))
})

const keepsStreamsApart: Law<ControlPorts> = Effect.gen(function* () {
  const one = yield* opened
  const other = yield* opened
  yield* one.change("pause", {}, { paused: true })
  yield* other.change("pause", { handler: "mail" }, { paused: true })
  yield* one.change("resume", {}, { paused: false })
  assert.deepStrictEqual([yield* one.seen, yield* other.seen], [[], ["mail paused"]])
})

/** The laws of `ControlDesk`. */
export const controlLaws = lawsOf<ControlPorts>()({
  "what is wanted is seen with the next beat": isSeen,
  "says whether it was otherwise before, and keeps nothing of what was taken back": saysWhetherItWasSo,
  "to resume a handler resumes its partitions, and without one everything": resumesWhatIsWithin,
  "changes at the same time are all kept": keepsWhatOthersChange,
  "who did what is kept, newest first": keepsWhatWasDone,
  "streams are apart": keepsStreamsApart
})
