import { MsgHdrsImpl } from "@nats-io/transport-node"
import { assert, describe, it } from "@effect/vitest"
import { HeaderBlock, headersIn } from "../../../src/infra/nats/HeaderBlock.ts"
import { header, headersOf, readHeaders } from "../../../src/infra/nats/Message.ts"

const row = {
  id: 12,
  eventId: "0198a3f2-7c11-7d63-8d0e-000000000001",
  key: "user: 7/ü\r\n",
  version: 3,
  slot: 1,
  type: "paid",
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  payload: "{}"
}

describe("headers", () => {
  it("come back as they were written, and the client reads the same", () => {
    const block = new HeaderBlock(headersOf(row))
    const { eventId, key, traceparent, version } = row
    const ours = { eventId, outboxId: row.id, key, version, traceparent }
    assert.deepStrictEqual(readHeaders(headersIn(block.toString())), ours)
    const parsed = MsgHdrsImpl.decode(block.encode())
    assert.deepStrictEqual(
      readHeaders((name) => parsed.get(name)),
      ours
    )
    assert.strictEqual(parsed.keys().length, headersOf(row).length)
  })

  it("have one line each: a value with more cannot end the block or bring a header of its own", () => {
    const traceparent = "x\r\nNats-Expected-Last-Sequence: 0\r\n\r\n"
    const block = new HeaderBlock(headersOf({ ...row, traceparent }))
    const parsed = MsgHdrsImpl.decode(block.encode())
    assert.isFalse(parsed.has(header.expectedLastSequence))
    assert.strictEqual(readHeaders(headersIn(block.toString()))?.version, row.version)
  })

  it("are found by their whole name, the first of them, and only in front of a colon", () => {
    const get = headersIn("NATS/1.0\r\nKeys: a\r\nKey:b \r\nKey: c\r\nEmpty:\r\n\r\n")
    assert.deepStrictEqual(["Key", "Keys", "Ke", "key", "Empty", "b"].map(get), ["b", "a", "", "", "", ""])
    assert.strictEqual(headersIn("")("Key"), "")
  })
})
