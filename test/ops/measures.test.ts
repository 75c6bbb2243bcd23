import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import { SecureRandom } from "effect/crypto"
import { reportIn } from "../../src/ops/InstanceReport.ts"
import { quantileOf } from "../../src/ops/Latency.ts"
import { Measures } from "../../src/ops/Measures.ts"
import { appendedAtMsOf } from "../../src/pipeline/EventTime.ts"
import { type InstanceStatus, reportMaxChars } from "../../src/pipeline/SelfReport.ts"
import { reasonOf, storedOf } from "../infra/postgres/PgWorld.ts"

/** An id of an event that was appended then. */
const idAt = (ms: number) => {
  const hex = ms.toString(16).padStart(12, "0")
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`
}

const t0 = 1_800_000_000_000

const handled = (handler: string, partition: number | undefined, ages: ReadonlyArray<number>) => ({
  _tag: "BatchHandled" as const,
  handler,
  partition,
  events: ages.map((age, i) => ({ ...storedOf("a", i + 1, i + 1), eventId: idAt(t0 - age) })),
  tookMs: 1
})

const statusAt = (nowMs: number, partitions: InstanceStatus["partitions"] = []): InstanceStatus => ({
  nowMs,
  partitions,
  balanced: new Map(),
  draining: false
})

const inHand = (partition: number, events: number) => ({
  handler: "mail",
  partition,
  inHand: events,
  oldestAppendedAtMs: events === 0 ? undefined : t0,
  oldestKeys: (keysMax: number) => Array.from({ length: events }, (_, i) => `user-${partition}-${i}`).slice(0, keysMax)
})

const read = (text: string | undefined) => Option.getOrThrow(reportIn(text ?? ""))

describe("the age of an event", () => {
  it("is in its id", () => {
    const before = Date.now()
    const ms = appendedAtMsOf(SecureRandom.uuidV7Unsafe())
    assert.isTrue(ms >= before - 1 && ms <= Date.now() + 1)
    assert.strictEqual(appendedAtMsOf(idAt(t0)), t0)
    assert.strictEqual(appendedAtMsOf(globalThis.crypto.randomUUID()), 0)
    assert.strictEqual(appendedAtMsOf(""), 0)
  })
})

describe("what an instance reports", () => {
  it("names the keys in flight where something is stuck, ten of a partition, and no more than fit", () => {
    const reported = (afterMs: number, partitions: ReadonlyArray<ReturnType<typeof inHand>>) =>
      read(new Measures().report(statusAt(t0 + afterMs, partitions))).inFlight ?? []
    assert.deepStrictEqual(reported(500, [inHand(0, 2)]), [])
    assert.deepStrictEqual(reported(5_000, [inHand(0, 2), inHand(1, 0)]), [[0, 0, ["user-0-0", "user-0-1"]]])
    assert.lengthOf(reported(5_000, [inHand(0, 1_000)])[0]?.[2] ?? [], 10)
    const many = reported(
      5_000,
      Array.from({ length: 1_024 }, (_, partition) => inHand(partition, 1_000))
    )
    assert.isAtMost(many.flatMap(([, , keys]) => keys).join("").length, 8_192)
    assert.isAbove(many.length, 50)
  })

  it("counts what was handled, by handler and partition, and how long it took", () => {
    const measures = new Measures()
    measures.note(handled("mail", 0, [10, 10, 1_000]), t0)
    measures.note(handled("mail", 1, [10]), t0)
    measures.note(handled("sums", undefined, [5]), t0)
    const report = read(measures.report(statusAt(t0, [inHand(0, 2), inHand(1, 0)])))
    assert.deepStrictEqual(
      report.handlers.map(({ handled: n, inHand: held, name }) => [name, n, held]),
      [
        ["mail", 4, 2],
        ["sums", 1, 0]
      ]
    )
    assert.deepStrictEqual(
      report.partitions.map(([, partition, n, failures, held, oldest]) => [partition, n, failures, held, oldest]),
      [
        [0, 3, 0, 2, t0],
        [1, 1, 0, 0, 0]
      ]
    )
    assert.isBelow(quantileOf(report.handlers[0]?.latency ?? [], 0.5) ?? 0, 15)
    assert.isAbove(report.partitions[0]?.[6] ?? 0, 700)
  })

  it("forgets failures and latencies of a partition within a minute", () => {
    const measures = new Measures()
    const failed = { _tag: "AttemptFailed" as const, handler: "mail", partition: 0, key: "a", attempt: 1, retryInMs: 5 }
    measures.report(statusAt(t0))
    measures.note({ ...failed, reason: "Boom: it was" }, t0)
    measures.note(handled("mail", 0, [10]), t0)
    const at = (ms: number, events: number) => read(measures.report(statusAt(ms, [inHand(0, events)])))
    assert.strictEqual(at(t0 + 1_000, 1).partitions[0]?.[3], 1)
    assert.strictEqual(at(t0 + 31_000, 2).partitions[0]?.[3], 1)
    const after = at(t0 + 62_000, 3)
    assert.deepStrictEqual([after.partitions[0]?.[3], after.partitions[0]?.[6]], [0, 0])
    // What went wrong last is worth a look for longer.
    assert.deepStrictEqual(
      after.errors.map(({ key, message }) => [key, message]),
      [["a", "Boom: it was"]]
    )
    assert.strictEqual(after.handlers[0]?.failed, 1)
  })

  it("says nothing when nothing is new", () => {
    const measures = new Measures()
    measures.note(handled("mail", 0, [10]), t0)
    assert.isDefined(measures.report(statusAt(t0, [inHand(0, 0)])))
    assert.isUndefined(measures.report(statusAt(t0 + 1_000, [inHand(0, 0)])))
    measures.note(handled("mail", 0, [10]), t0)
    assert.isDefined(measures.report(statusAt(t0 + 2_000, [inHand(0, 0)])))
  })

  it("keeps the newest signals that are worth a look, with their keys", () => {
    const measures = new Measures()
    for (let i = 0; i < 80; i++) {
      const reason = reasonOf("Boom", 3)
      measures.note({ _tag: "KeyParked", handler: "mail", partition: 0, key: `k-${i}`, version: 1, reason }, t0 + i)
      measures.note({ _tag: "PartitionsClaimed", stream: "s", count: 2, owned: 2 }, t0)
    }
    measures.note({ _tag: "LeadershipTaken", stream: "s", epoch: 3 }, t0)
    measures.note({ _tag: "HandlerPaused", handler: "mail", reason: "its downstream fails" }, t0 + 100)
    const report = read(measures.report(statusAt(t0 + 100)))
    assert.lengthOf(report.signals, 50)
    assert.deepStrictEqual(
      [report.signals.at(-1)?.tag, report.signals.at(-2)?.key, report.signals[0]?.key],
      ["HandlerPaused", "k-79", "k-31"]
    )
    assert.deepStrictEqual([report.leads, report.leaseChanges], [true, 160])
    assert.strictEqual(report.handlers[0]?.resting, "its downstream fails")
    measures.note({ _tag: "HandlerResumed", handler: "mail" }, t0)
    assert.isNull(read(measures.report(statusAt(t0 + 200))).handlers[0]?.resting)
  })

  it("does not speak for the relay any more once another one leads", () => {
    const measures = new Measures()
    measures.note({ _tag: "LeadershipTaken", stream: "s", epoch: 3 }, t0)
    measures.note({ _tag: "RelayFailed", stream: "s", what: "wait", detail: "no broker" }, t0)
    assert.strictEqual(read(measures.report(statusAt(t0))).relayFailing, "no broker")
    measures.note({ _tag: "LeadershipLost", stream: "s", epoch: 3, why: "it is away" }, t0)
    assert.isNull(read(measures.report(statusAt(t0 + 1))).relayFailing)
  })

  it("leaves single partitions out when there are more than can be said", () => {
    const measures = new Measures()
    measures.note(handled("mail", 0, [10]), t0)
    const text = measures.report(
      statusAt(
        t0,
        Array.from({ length: 12_000 }, (_, i) => inHand(i, 1))
      )
    )
    assert.isAtMost(text?.length ?? 0, reportMaxChars)
    assert.deepStrictEqual([read(text).handlers[0]?.handled, read(text).handlers[0]?.inHand], [1, 12_000])
  })

  it("of another version is no report", () => {
    assert.isTrue(Option.isNone(reportIn(`{"leads":true}`)))
    assert.isTrue(Option.isNone(reportIn("")))
  })
})
