/** A corpus: what is sampled, what is left of it once it is redacted, and how a check says what no longer reads. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { type EventSource, sampleCorpus, type StoredPayload } from "../../src/ops/corpusSample.ts"
import * as Event from "../../src/pipeline/Event.ts"
import * as EventStream from "../../src/pipeline/EventStream.ts"
import { checkCorpus } from "../../src/testing/index.ts"
import { parcels1, parcels2, parcels3, Sent1, Sent2 } from "../support/Parcels.ts"

type Coded = { readonly codecs: ReadonlyMap<string, Event.EventCodec> }

const payload = ({ codecs }: Coded, type: string, event: unknown) =>
  Result.getOrThrow(codecs.get(type)?.write(event) ?? assert.fail("no such type"))

const sourceOf = (
  events: ReadonlyArray<Omit<StoredPayload, "seq">>,
  limits = { searchedMax: 1_000, readAtOnceMax: 7 }
) => {
  const stored = events.map((event, i) => ({ ...event, seq: i + 1 }))
  const source: EventSource<never> = {
    ...limits,
    bounds: Effect.succeed({ firstSeq: Math.min(1, stored.length), lastSeq: stored.length }),
    read: (fromSeq, eventsMax) => Effect.succeed(stored.filter(({ seq }) => seq >= fromSeq).slice(0, eventsMax))
  }
  return source
}

const sent = (stream: Coded, event: unknown) => ({ type: "sent", payload: payload(stream, "sent", event) })

const both = [
  ...Array.from({ length: 40 }, (_, i) => sent(parcels1, Sent1.make({ parcel: `p-${i}`, pounds: i }))),
  ...Array.from({ length: 40 }, (_, i) => sent(parcels2, Sent2.make({ parcel: `q-${i}`, grams: i })))
]

const nothing = { perType: 10, redact: [] }

describe("a corpus", () => {
  it.effect("holds the oldest and the newest of each type and version, sorted", () =>
    Effect.gen(function* () {
      const { leftOut, lines, searched } = yield* sampleCorpus(parcels3, sourceOf(both), nothing)
      assert.deepStrictEqual([lines.length, searched, leftOut.size], [20, 80, 0])
      assert.deepStrictEqual(lines, lines.toSorted())
      assert.include(
        lines,
        '{"type":"sent","schemaVersion":1,"payload":{"_tag":"ParcelSent","parcel":"p-0","pounds":0}}'
      )
      assert.deepStrictEqual(
        lines.flatMap((line) => /"(q-\d+)"/.exec(line)?.[1] ?? []),
        ["q-0", "q-1", "q-2", "q-3", "q-35", "q-36", "q-37", "q-38", "q-39", "q-4"]
      )
      assert.isTrue(checkCorpus(parcels3, lines).ok)
    })
  )

  it.effect("of a long stream is taken from both ends; of an empty one there is none", () =>
    Effect.gen(function* () {
      const limits = { searchedMax: 3, readAtOnceMax: 2 }
      const { lines, searched } = yield* sampleCorpus(parcels3, sourceOf(both, limits), nothing)
      assert.strictEqual(searched, 6)
      assert.deepStrictEqual(lines.map((line) => /"([pq]-\d+)"/.exec(line)?.[1]).toSorted(), [
        "p-0",
        "p-1",
        "p-2",
        "q-37",
        "q-38",
        "q-39"
      ])
      assert.deepStrictEqual((yield* sampleCorpus(parcels3, sourceOf([]), nothing)).lines, [])
    })
  )

  it.effect("is redacted where the Schema says so and where it is asked, and still reads", () =>
    Effect.gen(function* () {
      const Told = Schema.TaggedStruct("Told", {
        secret: Schema.RedactedFromValue(Schema.String),
        mail: Schema.String.check(Schema.isPattern(/^\S+@\S+$/)),
        at: Schema.DateTimeUtcFromString,
        items: Schema.Array(Schema.Struct({ sku: Schema.String, count: Schema.Int }))
      })
      const stream = EventStream.make("told", { subject: "told", events: { told: Told }, key: () => "k" })
      const stored = {
        type: "told",
        payload:
          '{"_tag":"Told","secret":"Geheim 7","mail":"Ada.L@example.com","at":"2026-03-01T12:00:00Z","items":[{"sku":"mug","count":3}]}'
      }
      const { lines } = yield* sampleCorpus(stream, sourceOf([stored]), {
        perType: 1,
        redact: ["mail", "at", "items.*.count", "none"]
      })
      assert.deepStrictEqual(lines, [
        '{"type":"told","schemaVersion":1,"payload":{"_tag":"Told","at":"2000-01-01T00:00:00.000Z","items":[{"count":1,"sku":"mug"}],"mail":"Xxx.X@xxxxxxx.xxx","secret":"Xxxxxx 0"}}'
      ])
      assert.isTrue(checkCorpus(stream, lines).ok)
    })
  )

  it.effect("leaves out what does not read, before or after it was redacted, and says why", () =>
    Effect.gen(function* () {
      const events = [
        ...both.slice(0, 1),
        { type: "sent", payload: "{}" },
        { type: "sent", payload: '{"schemaVersion":9}' }
      ]
      const { leftOut, lines } = yield* sampleCorpus(parcels3, sourceOf(events), { perType: 9, redact: ["_tag"] })
      assert.deepStrictEqual(lines, [])
      const reasons = [...leftOut.keys()].join("|")
      for (const part of ["sent 1 is unreadable once it is redacted", "version 9", '["_tag"]'])
        assert.include(reasons, part)
    })
  )
})

describe("a check of a corpus", () => {
  const lines = [
    '{"type":"sent","schemaVersion":1,"payload":{"_tag":"ParcelSent","parcel":"p","pounds":2}}',
    '{"type":"sent","schemaVersion":2,"payload":{"_tag":"Sent","grams":5,"parcel":"q","schemaVersion":2}}',
    ""
  ]

  it("counts what is read, and names versions without an event", () => {
    const report = checkCorpus(parcels3, lines)
    assert.deepStrictEqual([report.ok, report.events, report.faults], [true, 2, []])
    assert.deepStrictEqual(report.counts, [
      { type: "sent", schemaVersion: 1, events: 1 },
      { type: "sent", schemaVersion: 2, events: 1 }
    ])
    assert.deepStrictEqual(report.untried, ["sent 3", "lost 1"])
  })

  it("fails with line, type, version and field path when a Schema was changed instead of being given a version", () => {
    const Changed = Schema.TaggedStruct("Sent", { parcel: Schema.String, grams: Schema.Struct({ net: Schema.Int }) })
    const careless = EventStream.make("parcels", {
      subject: "parcel",
      events: { sent: Event.versions(Sent1).next(Changed, () => assert.fail()) },
      key: (event) => event.parcel
    })
    const { faults, ok } = checkCorpus(careless, lines)
    assert.isFalse(ok)
    assert.deepStrictEqual(
      faults.map(({ line, schemaVersion, type }) => [line, type, schemaVersion]),
      [
        [1, "sent", 1],
        [2, "sent", 2]
      ]
    )
    assert.include(faults[1]?.detail ?? "", '["grams"]')
    assert.include(faults[0]?.detail ?? "", "it is of version 1, and cannot be read as 2")
  })

  it("fails when a version was taken away, a type was, a line is none, or there are none", () => {
    const faults = <E extends EventStream.EventSchemas>(
      stream: EventStream.EventStream<E>,
      text: ReadonlyArray<string>
    ) =>
      checkCorpus(stream, text)
        .faults.map(({ detail }) => detail)
        .join()
    assert.include(faults(parcels1, lines), "it is of version 2, and this program knows versions up to 1")
    assert.include(
      faults(parcels3, ['{"type":"burnt","schemaVersion":1,"payload":{}}']),
      "this stream has no such event"
    )
    assert.include(faults(parcels3, ['{"type":"sent"}']), "it is no line of a corpus")
    assert.include(
      faults(parcels3, [lines[0]?.replace('"schemaVersion":1', '"schemaVersion":2') ?? ""]),
      "it is taken for version 1 now"
    )
    assert.include(faults(parcels3, [""]), "there is no event in it")
    assert.isFalse(checkCorpus(parcels3, []).ok)
  })
})
