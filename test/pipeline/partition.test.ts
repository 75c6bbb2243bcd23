import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { fnv1a, partitionOf, rendezvousOwner, slotCount, slotOf } from "../../src/pipeline/Partition.ts"

describe("the slot of a key", () => {
  it.each([
    ["", 0x811c9dc5],
    ["a", 0xe40c292c],
    ["b", 0xe70c2de5],
    ["foobar", 0xbf9cf968],
    ["hello", 0x4f9f2cab]
  ])("hashes %j as FNV-1a does", (text, hash) => {
    assert.strictEqual(fnv1a(text), hash)
  })

  it.each([
    ["", 453],
    ["a", 300],
    ["foobar", 360],
    ["user-1", 372],
    ["ada@example.com", 978],
    ["Žofie", 996],
    ["日本", 593],
    ["🦊", 856]
  ])("is for %j what it was in the first version, for ever", (key, slot) => {
    assert.strictEqual(slotOf(key), slot)
  })

  it.prop("is one of 1,024, and its partition one of those there are", [Schema.String], ([key]) => {
    const slot = slotOf(key)
    assert.isTrue(Number.isInteger(slot) && slot >= 0 && slot < slotCount)
    for (const partitions of [1, 3, 16, 1024]) assert.isBelow(partitionOf(slot, { partitions }), partitions)
  })

  it("spreads keys evenly: no partition of 16 has less than half or more than twice its share of 16,000", () => {
    const counts = new Array<number>(16).fill(0)
    for (let i = 0; i < 16_000; i++) {
      const partition = partitionOf(slotOf(`user-${i}`), { partitions: 16 })
      counts[partition] = (counts[partition] ?? 0) + 1
    }
    assert.isTrue(
      counts.every((count) => count > 500 && count < 2_000),
      counts.join()
    )
  })
})

describe("the owner of a partition", () => {
  const partitions = Array.from({ length: 64 }, (_, partition) => partition)
  const owners = (instances: ReadonlyArray<string>) =>
    partitions.map((partition) => rendezvousOwner("points", partition, instances))
  const names = (count: number) => Array.from({ length: count }, (_, i) => `host-${i}-${fnv1a(String(i)).toString(16)}`)

  it("is nobody while nobody is there, and the only one there is", () => {
    assert.isUndefined(rendezvousOwner("points", 0, []))
    assert.isTrue(owners(["alone"]).every((owner) => owner === "alone"))
  })

  it.each([2, 3, 5, 10])("does not depend on the order in which %s instances are listed", (count) => {
    assert.deepStrictEqual(owners(names(count)), owners(names(count).toReversed()))
  })

  it.each([2, 3, 5, 10])("changes only to the one that comes, and only from the one that goes, among %s", (count) => {
    const before = owners(names(count))
    const after = owners([...names(count), "newcomer"])
    for (const partition of partitions) {
      if (after[partition] !== "newcomer") assert.strictEqual(after[partition], before[partition])
    }
    assert.include(after, "newcomer")
  })

  it.each([2, 3, 5])("gives each of %s instances something near its share", (count) => {
    const shares = Map.groupBy(owners(names(count)), (owner) => owner)
    assert.strictEqual(shares.size, count)
    for (const [owner, share] of shares) {
      assert.isAbove(share.length, 64 / count / 3, owner)
      assert.isBelow(share.length, (64 / count) * 2, owner)
    }
  })

  it("differs between handlers, so that one instance is not everybody's owner of a partition", () => {
    const instances = names(3)
    const mail = partitions.map((partition) => rendezvousOwner("mail", partition, instances))
    assert.notDeepEqual(mail, owners(instances))
  })
})
