import { assert, describe, it } from "@effect/vitest"
import { audit } from "../../src/pipeline/Audit.ts"
import type { AuditFacts, HandlerFacts } from "../../src/pipeline/AuditStore.ts"

const handler = (fields: Partial<HandlerFacts> = {}): HandlerFacts => ({
  name: "points",
  cursors: new Map([[0, 3]]),
  progress: new Map([
    ["ada", 2],
    ["bob", 1]
  ]),
  beyond: new Map(),
  parked: new Map(),
  discarded: new Map(),
  violations: [],
  ...fields
})

/** A stream that begins there, and ends at 5. */
const ends = (firstSeq: number) => ({ firstSeq, lastSeq: 5 })

const facts = (fields: Partial<AuditFacts> = {}): AuditFacts => ({
  topology: { first: 0, partitions: 1 },
  heads: [
    { key: "ada", version: 2 },
    { key: "bob", version: 1 }
  ],
  waiting: [],
  kept: [],
  remade: false,
  handlers: [handler()],
  ...fields
})

const ref = (seq: number, key: string, version: number) => ({
  seq,
  key,
  version,
  outboxId: seq,
  eventId: `${key}-${version}`
})

const whole = [ref(1, "ada", 1), ref(2, "bob", 1), ref(3, "ada", 2)]

const kinds = (of: AuditFacts, refs = whole) =>
  audit("t", of, refs, ends(1)).faults.map(({ key, kind }) => `${kind}: ${key}`)

describe("an audit", () => {
  it("adds up what is as it should be", () => {
    const report = audit("t", facts(), whole, ends(1))
    assert.isTrue(report.ok)
    assert.deepStrictEqual([report.committed, report.published, report.waiting, report.inStream], [3, 3, 0, 3])
    assert.deepStrictEqual(report.handlers, [
      {
        name: "points",
        handled: 3,
        parked: 0,
        discarded: 0,
        inFlight: 0,
        orderViolations: 0,
        acknowledgedViolations: 0
      }
    ])
    assert.deepStrictEqual(report.partitions, [
      { partition: 0, committed: 3, published: 3, handled: 3, parked: 0, discarded: 0, inFlight: 0 }
    ])
  })

  it("calls nothing a fault that is only on its way", () => {
    const waiting = [{ key: "ada", eventId: "ada-2" }]
    const behind = handler({ cursors: new Map([[0, 1]]), progress: new Map([["ada", 1]]) })
    const report = audit("t", facts({ waiting, handlers: [behind] }), whole.slice(0, 2), ends(1))
    assert.deepStrictEqual(report.faults, [])
    assert.deepStrictEqual([report.committed, report.published, report.waiting], [3, 2, 1])
    assert.strictEqual(report.handlers[0]?.inFlight, 1)
  })

  it("counts a row whose event is in the stream as published, and leaves out what is younger than its snapshot", () => {
    const waiting = [{ key: "ada", eventId: "ada-2" }]
    const report = audit("t", facts({ waiting }), [...whole, ref(4, "ada", 3), ref(5, "eve", 1)], ends(1))
    assert.isTrue(report.ok)
    assert.deepStrictEqual([report.published, report.waiting, report.inStream], [3, 0, 3])
  })

  it("knows parked from handled, and accepts that the oldest events have aged out", () => {
    const report = audit(
      "t",
      facts({ handlers: [handler({ parked: new Map([["bob", 1]]) })] }),
      whole.slice(2),
      ends(3)
    )
    assert.isTrue(report.ok)
    assert.deepStrictEqual([report.handlers[0]?.handled, report.handlers[0]?.parked], [2, 1])
  })

  it("counts what the broker lost and is kept as published, above the stream's end only", () => {
    const kept = [{ key: "ada", version: 2, seq: 6 }]
    const report = audit("t", facts({ kept }), whole.slice(0, 2), ends(1))
    assert.deepStrictEqual([report.ok, report.again, report.published], [true, 1, 3])
    assert.isFalse(audit("t", facts({ kept: [{ key: "ada", version: 2, seq: 4 }] }), whole.slice(0, 2), ends(1)).ok)
    const back = [{ key: "ada", version: 2, seq: undefined }]
    assert.isTrue(audit("t", facts({ kept: back }), whole.slice(0, 2), ends(1)).ok)
  })

  it("counts a violation that was acknowledged apart, and finds no fault in it", () => {
    const violations = [{ key: "ada", version: 2, isOpen: false }]
    const report = audit("t", facts({ handlers: [handler({ violations })] }), whole, ends(1))
    assert.deepStrictEqual([report.ok, report.handlers[0]?.orderViolations], [true, 0])
    assert.strictEqual(report.handlers[0]?.acknowledgedViolations, 1)
  })

  it("excuses what came of an acknowledged key that nobody appended to, and no other progress beyond what was committed", () => {
    const violated = (key: string, isOpen: boolean) =>
      facts({ handlers: [handler({ progress: new Map([[key, 9]]), violations: [{ key, version: 9, isOpen }] })] })
    const nobodys = "handled and never committed: stray"
    assert.deepStrictEqual(kinds(violated("stray", true), []).slice(-2), ["order violation: stray", nobodys])
    assert.notInclude(kinds(violated("stray", false), []), nobodys)
    assert.include(kinds(violated("ada", false), []), "handled and never committed: ada")
  })

  it("does not ask a stream that was made anew for its beginning", () => {
    assert.isFalse(audit("t", facts(), whole.slice(2), ends(1)).ok)
    assert.isTrue(audit("t", facts({ remade: true }), whole.slice(2), ends(1)).ok)
  })

  it.each([
    [
      "an event its cursor has passed",
      facts({ handlers: [handler({ progress: new Map([["ada", 2]]) })] }),
      whole,
      "lost: bob"
    ],
    [
      "an event nobody published",
      facts({
        handlers: [
          handler({
            progress: new Map([
              ["ada", 3],
              ["bob", 1]
            ])
          })
        ]
      }),
      whole,
      "handled and never committed: ada"
    ],
    [
      "a recorded violation",
      facts({ handlers: [handler({ violations: [{ key: "ada", version: 2, isOpen: true }] })] }),
      whole,
      "order violation: ada"
    ],
    ["an event twice in the stream", facts(), [...whole, ref(4, "ada", 2)], "twice in the stream: ada"],
    [
      "events that changed places",
      facts(),
      [ref(1, "ada", 2), ref(2, "bob", 1), ref(3, "ada", 1)],
      "out of order in the stream: ada"
    ],
    [
      "an event that the broker lost and another that is kept",
      facts({ kept: [{ key: "bob", version: 1, seq: 9 }] }),
      whole.slice(0, 2),
      "missing in the stream: ada"
    ],
    [
      "a key that never reached the stream",
      facts(),
      [ref(1, "ada", 1), ref(3, "ada", 2)],
      "missing in the stream: bob"
    ],
    ["a key whose beginning is missing", facts(), whole.slice(1), "missing in the stream: ada"]
  ])("names %s", (_, of, refs, fault) => {
    assert.include(kinds(of, refs), fault)
  })
})
