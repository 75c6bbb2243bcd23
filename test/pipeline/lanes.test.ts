import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Duration, Effect, Result, Schema } from "effect"
import type { StoredEvent } from "../../src/pipeline/Envelope.ts"
import type { Handler } from "../../src/pipeline/Handler.ts"
import type { InboxCommit } from "../../src/pipeline/Inbox.ts"
import { currentAction, type Entry, type Lane, Lanes, lanesIdleMax } from "../../src/pipeline/Lanes.ts"
import { DecodeFailed } from "../../src/pipeline/PipelineError.ts"
import { retryPolicyDefault } from "../../src/pipeline/RetryPolicy.ts"
import { makeRandom } from "../../src/testing/Random.ts"

const handler: Handler = {
  name: "points",
  mode: "transactional",
  delivery: "ordered",
  types: new Set(["paid", "broken"]),
  retry: retryPolicyDefault,
  keysAtOnceMax: 1,
  breaker: undefined,
  confirm: undefined,
  effectsKeptFor: Duration.zero,
  rate: undefined,
  decode: ({ payload, type }) =>
    type === "broken" ? Result.fail(new DecodeFailed({ type, detail: "no" })) : Result.succeed(payload),
  run: () => Effect.void
}

const claim = { stream: "t", handler: "points", partition: 0, epoch: 1, opening: 0, cursor: 0 }

const stored = (seq: number, key: string, version: number, type = "paid"): StoredEvent => {
  const eventId = `${key}-${version}`
  return { seq, outboxId: seq, eventId, key, version, type, traceparent: "", payload: eventId }
}

/** Lanes with these keys open, and the lanes that were called ready. */
const open = (progress: Readonly<Record<string, { readonly version: number; readonly parked: boolean }>>) => {
  const ready: Array<Lane> = []
  const lanes = new Lanes(handler, 0, (lane) => ready.push(lane))
  for (const [key, known] of Object.entries(progress)) lanes.open(key, known)
  return { lanes, ready }
}

const fresh = { version: 0, parked: false }

const actionsOf = (entries: ReadonlyArray<Entry>) => entries.map((entry) => currentAction(entry)._tag)

/** Everything that is in hand, by lane. */
const takeAll = (ready: ReadonlyArray<Lane>) => ready.flatMap((lane) => lane.queue.splice(0))

describe("an event that comes in", () => {
  it("runs when it is next, is skipped when it was handled, and passes when the handler does not want it", () => {
    const { lanes, ready } = open({ ada: { version: 2, parked: false } })
    for (const event of [stored(1, "ada", 1), stored(2, "ada", 2), stored(3, "ada", 3), stored(4, "ada", 4, "seen")]) {
      assert.isTrue(lanes.accept(event))
    }
    const entries = takeAll(ready)
    assert.deepStrictEqual(actionsOf(entries), ["skip", "skip", "run", "pass"])
    const plan = lanes.plan(claim, entries)
    assert.deepStrictEqual(plan.moves, [{ key: "ada", from: 2, to: 4, parked: false }])
    assert.deepStrictEqual([plan.cursorFrom, plan.cursorTo, plan.parked, plan.violations], [0, 4, [], []])
  })

  it("is named among the oldest in hand, once for its key, until it is done", () => {
    const { lanes, ready } = open({ ada: fresh, bob: fresh, cleo: fresh })
    for (const event of [stored(1, "ada", 1), stored(2, "ada", 2), stored(3, "bob", 1), stored(4, "cleo", 1)])
      lanes.accept(event)
    assert.deepStrictEqual(lanes.oldestKeys(10), ["ada", "bob", "cleo"])
    assert.deepStrictEqual(lanes.oldestKeys(2), ["ada", "bob"])
    const [first] = takeAll(ready.slice(0, 1))
    lanes.plan(claim, first === undefined ? [] : [first])
    lanes.plan(claim, takeAll(ready.filter(({ key }) => key === "bob")))
    assert.deepStrictEqual(lanes.oldestKeys(10), ["ada", "cleo"])
  })

  it("parks its key with evidence when an earlier one is missing, and what follows is parked behind it", () => {
    const { lanes, ready } = open({ ada: { version: 1, parked: false }, bob: fresh })
    for (const event of [stored(1, "ada", 3), stored(2, "ada", 4), stored(3, "bob", 1)]) lanes.accept(event)
    const plan = lanes.plan(claim, takeAll(ready))
    assert.deepStrictEqual(
      plan.violations.map(({ event, handledVersion }) => [event.key, event.version, handledVersion]),
      [["ada", 3, 1]]
    )
    assert.deepStrictEqual(
      plan.parked.map(({ event, reason }) => [event.version, reason?.tag]),
      [
        [3, "OrderViolation"],
        [4, undefined]
      ]
    )
    assert.deepStrictEqual(plan.moves, [
      { key: "ada", from: 1, to: 4, parked: true },
      { key: "bob", from: 0, to: 1, parked: false }
    ])
  })

  it("parks its key when it cannot be read, and waits behind a key that was parked before", () => {
    const { lanes, ready } = open({ ada: fresh, bob: { version: 5, parked: true } })
    for (const event of [stored(1, "ada", 1, "broken"), stored(2, "ada", 2), stored(3, "bob", 6)]) lanes.accept(event)
    const plan = lanes.plan(claim, takeAll(ready))
    assert.deepStrictEqual(
      plan.parked.map(({ event, reason }) => [event.key, event.version, reason?.tag]),
      [
        ["ada", 1, "DecodeFailed"],
        ["ada", 2, undefined],
        ["bob", 6, undefined]
      ]
    )
    assert.isTrue(plan.moves.every(({ parked }) => parked))
  })

  it("is refused, without a trace, while its key's progress was not read", () => {
    const { lanes, ready } = open({ ada: fresh })
    assert.isFalse(lanes.accept(stored(1, "bob", 1)))
    assert.deepStrictEqual([lanes.size, ready.length], [0, 0])
    assert.deepStrictEqual(lanes.unknownKeys([stored(1, "bob", 1), stored(2, "ada", 1), stored(3, "bob", 2)]), ["bob"])
  })
})

describe("lanes of many keys", () => {
  it("are forgotten beyond a limit when they are idle, and kept while they have work", () => {
    const { lanes } = open({ busy: fresh })
    lanes.accept(stored(1, "busy", 1))
    for (let i = 1; i < lanesIdleMax; i++) lanes.open(`idle-${i}`, fresh)
    assert.deepStrictEqual(lanes.unknownKeys([stored(2, "busy", 2), stored(3, "idle-1", 1)]), ["idle-1"])
  })
})

const Step = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))

describe("any order of arrivals, commits and failed commits", () => {
  it.prop(
    "keeps the cursor behind what is not done, each key's moves without gaps, and everything accounted for",
    [Step, Arbitrary.array(Arbitrary.schema(Step), { minLength: 5, maxLength: 60 })],
    ([seed, steps]) => {
      const random = makeRandom(seed)
      const keys = ["ada", "bob", "eve"] as const
      const { lanes, ready } = open({ ada: fresh, bob: fresh, eve: fresh })
      const progress = new Map<string, number>()
      const sent = new Map<string, number>()
      const undone = new Set<number>()
      const parkedFrom = new Map<string, number>()
      let seq = 0

      const arrive = () => {
        const key = random.pick(keys)
        const isRepeated = random.chance(0.15) && (sent.get(key) ?? 0) > 0
        const version = isRepeated ? random.between(1, sent.get(key) ?? 1) : (sent.get(key) ?? 0) + 1
        sent.set(key, Math.max(version, sent.get(key) ?? 0))
        seq += random.between(1, 3)
        undone.add(seq)
        lanes.accept(stored(seq, key, version, random.pick(["paid", "paid", "paid", "seen", "broken"])))
      }

      const check = (plan: InboxCommit) => {
        for (const pending of undone) assert.isBelow(plan.cursorTo, pending)
        assert.isAtLeast(plan.cursorTo, plan.cursorFrom)
        for (const { from, key, parked, to } of plan.moves) {
          assert.strictEqual(from, progress.get(key) ?? 0, `${key} moves from where it is`)
          assert.isAbove(to, from)
          assert.strictEqual(
            parked,
            plan.parked.some(({ event }) => event.key === key)
          )
          progress.set(key, to)
        }
        for (const { event } of plan.parked) {
          parkedFrom.set(event.key, Math.min(event.version, parkedFrom.get(event.key) ?? event.version))
        }
        assert.deepStrictEqual(plan.violations, [])
      }

      const work = () => {
        const at = random.between(0, Math.max(0, ready.length - 1))
        const lane = ready[at]
        if (lane === undefined) return
        const entries = lane.queue.slice(0, random.between(1, 3))
        const behind = entries.filter(({ stored }) => stored.version >= (parkedFrom.get(stored.key) ?? Infinity))
        assert.notInclude(actionsOf(behind), "run", "nothing overtakes what is parked")
        const actions = actionsOf(entries)
        if (actions.includes("park")) assert.notInclude(actions.slice(actions.indexOf("park")), "run")
        const before = lanes.cursor
        const plan = lanes.plan(claim, entries)
        if (random.chance(0.25)) {
          lanes.undo(entries)
          assert.strictEqual(lanes.cursor, before)
          return
        }
        for (const entry of entries) undone.delete(entry.stored.seq)
        lane.queue.splice(0, entries.length)
        check(plan)
        lanes.settle(plan)
        if (lane.queue.length > 0) return
        lane.busy = false
        ready.splice(at, 1)
      }

      for (const step of steps) {
        if (step % 3 === 0) work()
        else arrive()
      }
      while (ready.length > 0) work()
      assert.strictEqual(lanes.cursor, seq)
      assert.strictEqual(lanes.size, 0)
      for (const [key, version] of sent) assert.strictEqual(progress.get(key), version)
    },
    { arbitrary: { runs: 500, size: 60 } }
  )
})
