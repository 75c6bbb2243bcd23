/** Events that were really written, by this version of the shop and by those before it. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Orders } from "../../src/app/orders/Orders.ts"
import { checkCorpus } from "../../src/testing/index.ts"

const lines = readFileSync(new URL("../corpus/orders.jsonl", import.meta.url), "utf8").split("\n")

describe("the golden corpus of the shop", () => {
  it("is read by today's Schemas, every type and version of it", () => {
    const { counts, faults, ok, untried } = checkCorpus(Orders, lines)
    assert.isTrue(ok, JSON.stringify(faults, null, 1))
    assert.deepStrictEqual(
      counts.map(({ type }) => type),
      ["created", "paid", "shipped"]
    )
    assert.deepStrictEqual(untried, [])
  })

  it("has payments of before they named their items", () => {
    assert.isTrue(lines.some((line) => line.includes('"OrderPaid"') && !line.includes('"items"')))
  })
})
