import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { BrokerRefused, BrokerUnavailable, LeaseLost, StoreUnavailable } from "../../src/pipeline/PipelineError.ts"
import { decide, isTooLarge, mayBeOneRow } from "../../src/pipeline/RelayDecision.ts"
import { verdict } from "../../src/pipeline/Sequence.ts"

const refused = (code: number) => new BrokerRefused({ operation: "publish", code, detail: "no" })

describe("the verdict on a version", () => {
  it.each([
    [0, 1, "next"],
    [4, 5, "next"],
    [4, 4, "duplicate"],
    [4, 1, "duplicate"],
    [0, 0, "duplicate"],
    [0, 2, "gap"],
    [4, 6, "gap"]
  ])("after %s: %s is %s", (handled, version, expected) => {
    assert.strictEqual(verdict(handled, version), expected)
  })

  const Version = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))

  it.prop("lets exactly one version follow", [Version, Version], ([handled, version]) => {
    assert.strictEqual(verdict(handled, version) === "next", version === handled + 1)
    assert.strictEqual(verdict(handled, version) === "duplicate", version <= handled)
  })
})

describe("what the relay does about", () => {
  it.each([
    [10071, "wrong last sequence", "reconcile"],
    [10164, "wrong last sequence", "reconcile"],
    [10201, "a message id that is in the stream", "reconcile"],
    [10158, "a message id under way", "reconcile"],
    [10176, "an incomplete batch", "reconcile"],
    [10054, "a message that is too large", "wait"],
    [10077, "a full stream", "wait"],
    [10047, "no storage", "wait"],
    [10023, "no resources", "wait"],
    [10028, "no memory", "wait"],
    [10008, "a cluster without a leader", "wait"],
    [10210, "too many open batches", "wait"],
    [10174, "a stream without atomic publish", "halt"],
    [10060, "another stream", "halt"],
    [10175, "a batch without an id", "halt"],
    [10177, "a bad batch sequence", "halt"],
    [10179, "a bad batch", "halt"],
    [10199, "a batch that is too long", "halt"],
    [10200, "a bad commit", "halt"],
    [99999, "a code nobody knows", "wait"]
  ])("%s (%s): %s", (code, _, action) => {
    assert.strictEqual(decide(refused(code)), action)
  })

  it("a lost lease: it steps down; anything that does not answer: it waits", () => {
    assert.strictEqual(decide(new LeaseLost({ lease: "relay", epoch: 1 })), "step down")
    assert.strictEqual(decide(new StoreUnavailable({ operation: "read", detail: "", cause: undefined })), "wait")
    assert.strictEqual(decide(new BrokerUnavailable({ operation: "publish", detail: "" })), "wait")
  })

  it("any other code: something, always", () => {
    for (let code = 10_000; code < 10_300; code++) {
      assert.include(["reconcile", "wait", "halt"], decide(refused(code)))
    }
  })

  it("a batch that may have one bad row: it is split for 10054, 10176 and 10201 and nothing else", () => {
    const split = Array.from({ length: 300 }, (_, i) => 10_000 + i).filter((code) => mayBeOneRow(refused(code)))
    assert.deepStrictEqual(split, [10_054, 10_176, 10_201])
    const large = Array.from({ length: 300 }, (_, i) => 10_000 + i).filter((code) => isTooLarge(refused(code)))
    assert.deepStrictEqual(large, [10_054])
    assert.isFalse(mayBeOneRow(new BrokerUnavailable({ operation: "publish", detail: "" })))
  })
})
