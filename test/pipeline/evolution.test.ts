/** Events that change while there are stored ones: what is read as what, and what becomes of a version nobody knows yet. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Equal, Layer, Redacted, Result, Schema } from "effect"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { maskOf } from "../../src/ops/Mask.ts"
import * as Event from "../../src/pipeline/Event.ts"
import * as EventStream from "../../src/pipeline/EventStream.ts"
import type { Unreadable } from "../../src/pipeline/PipelineError.ts"
import { handsOver, judgeHandover, neverDeployed } from "../support/Rolling.ts"
import { Lost, parcels1, parcels2, parcels3, Sent1, Sent2, Sent3 } from "../support/Parcels.ts"

const read = <A>(result: Result.Result<A, Unreadable>) =>
  Result.isSuccess(result) ? result.success : assert.fail(result.failure.message)

const unreadable = <A>(result: Result.Result<A, Unreadable>) =>
  Result.isFailure(result) ? result.failure : assert.fail("it was read")

/** What the outbox would be given. */
const payloadOf = (stream: { readonly codecs: ReadonlyMap<string, Event.EventCodec> }, event: unknown, type = "sent") =>
  Result.getOrThrow(stream.codecs.get(type)?.write(event) ?? assert.fail("no such type"))

const Parcel = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(20))
const Pounds = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100_000 }))

describe("an event that was changed", () => {
  it("is read as today's, whichever version was stored; the first has no number", () => {
    const first = payloadOf(parcels1, Sent1.make({ parcel: "p", pounds: 2 }))
    assert.deepStrictEqual(JSON.parse(first), { _tag: "ParcelSent", parcel: "p", pounds: 2 })
    const today = Sent3.make({ parcel: "p", grams: 907, to: { country: "DE" } })
    assert.isTrue(Equal.equals(read(parcels3.decode("sent", first)), today))
    const second = payloadOf(parcels2, Sent2.make({ parcel: "p", grams: 907 }))
    assert.deepStrictEqual(JSON.parse(second), { _tag: "Sent", parcel: "p", grams: 907, schemaVersion: 2 })
    assert.isTrue(Equal.equals(read(parcels3.decode("sent", second)), today))
    assert.isTrue(Equal.equals(read(parcels3.decode("sent", payloadOf(parcels3, today))), today))
    assert.strictEqual(read(parcels3.read("sent", first)).schemaVersion, 1)
  })

  it.prop(
    "upcasting composes: over each version in its own program, or at once",
    [Parcel, Pounds],
    ([parcel, pounds]) => {
      const stored = payloadOf(parcels1, Sent1.make({ parcel, pounds }))
      const byTheSecond = payloadOf(parcels2, read(parcels2.decode("sent", stored)))
      const direct = read(parcels3.decode("sent", stored))
      assert.isTrue(Equal.equals(read(parcels3.decode("sent", byTheSecond)), direct))
      assert.strictEqual(payloadOf(parcels3, direct), payloadOf(parcels3, read(parcels3.decode("sent", byTheSecond))))
    }
  )

  it.prop("what is written is read as it was", [Sent3], ([event]) => {
    assert.isTrue(Equal.equals(read(parcels3.decode("sent", payloadOf(parcels3, event))), event))
  })

  it("is refused with version and field when it does not fit the version it says it is", () => {
    const wrong = unreadable(parcels3.decode("sent", '{"_tag":"Sent","parcel":"p","grams":"2","schemaVersion":2}'))
    assert.strictEqual(wrong._tag, "DecodeFailed")
    assert.include(wrong.message, '["grams"]')
    for (const version of ['"2"', "0", "-1", "1.5", "null"]) {
      const odd = unreadable(parcels3.decode("sent", `{"_tag":"Sent","schemaVersion":${version}}`))
      assert.strictEqual(odd._tag, "DecodeFailed")
      assert.include(odd.message, '["schemaVersion"]')
    }
  })

  it("is unreadable, and nothing worse, when its upcast cannot make it", () => {
    const stored = '{"_tag":"ParcelSent","parcel":"p","pounds":1e306}'
    const wrong = unreadable(parcels2.decode("sent", stored))
    assert.strictEqual(wrong._tag, "DecodeFailed")
    assert.include(wrong.message, "it is of version 1, and cannot be read as 2")
    assert.include(wrong.message, '["grams"]')
  })

  it("says of a newer version which it is, which are known, and what to do", () => {
    const newer = unreadable(
      parcels1.decode("sent", payloadOf(parcels3, Sent3.make({ parcel: "p", grams: 1, to: { country: "DE" } })))
    )
    assert.strictEqual(newer._tag, "SchemaNewer")
    assert.include(newer.message, "of version 3, and this program knows versions up to 1; deploy")
    assert.strictEqual(
      unreadable(parcels1.decode("lost", '{"_tag":"Lost","parcel":"p","schemaVersion":2}'))._tag,
      "SchemaNewer"
    )
  })

  it("is refused when it is older than what is still read", () => {
    const stream = EventStream.make("parcels", {
      subject: "parcel",
      events: { sent: Event.versions(Sent2, { first: 2 }).next(Sent3, () => assert.fail()) },
      key: (event) => event.parcel
    })
    const old = unreadable(stream.decode("sent", payloadOf(parcels1, Sent1.make({ parcel: "p", pounds: 2 }))))
    assert.include(old.message, "it is of version 1; this program reads none before 2")
  })
})

it("what is no way from one version to the next does not compile", () => {
  // @ts-expect-error: grams are missing
  Event.versions(Sent1).next(Sent2, ({ parcel }) => ({ _tag: "Sent" as const, parcel }))
  // @ts-expect-error: the version before has pounds
  Event.versions(Sent1).next(Sent2, ({ grams, parcel }) => Sent2.make({ parcel, grams }))
  // @ts-expect-error: handlers get today's version
  void parcels3.append([Sent2.make({ parcel: "p", grams: 1 })])
  // @ts-expect-error: no tagged struct
  Event.versions(Schema.Struct({ parcel: Schema.String }))
})

describe("a Schema that declares its version", () => {
  const Paid1 = Schema.TaggedStruct("Paid", { schemaVersion: Schema.tag(1), cents: Schema.Int })
  const Paid2 = Schema.TaggedStruct("Paid", { schemaVersion: Schema.tag(2), amount: Schema.Int })
  const make = (paid: Event.EventDefinition) =>
    EventStream.make("payments", { subject: "payment", events: { paid }, key: () => "k" })
  const one = make(Paid1)
  const two = make(Event.versions(Paid1).next(Paid2, ({ cents }) => Paid2.make({ amount: cents })))

  it("is what the program before the versions wrote", () => {
    const stored = payloadOf(one, Paid1.make({ cents: 5 }), "paid")
    assert.isTrue(Equal.equals(read(two.decode("paid", stored)), Paid2.make({ amount: 5 })))
    assert.deepStrictEqual(JSON.parse(payloadOf(two, Paid2.make({ amount: 5 }), "paid")), {
      _tag: "Paid",
      schemaVersion: 2,
      amount: 5
    })
    assert.strictEqual(
      unreadable(one.decode("paid", '{"_tag":"Paid","schemaVersion":2,"amount":5}'))._tag,
      "SchemaNewer"
    )
  })

  it("may begin with a later one, when no older is stored", () => {
    assert.deepStrictEqual(make(Paid2).codecs.get("paid")?.known, [2])
  })

  it("cannot be another than its place in the chain says", () => {
    const wrong = make(Event.versions(Paid2, { first: 1 }))
    assert.include(unreadable(wrong.decode("paid", "{}")).message, "declares schemaVersion 2, and is version 1")
  })

  it("keeps the field for itself when it is no number of a version", () => {
    const Own = Schema.TaggedStruct("Own", { schemaVersion: Schema.String })
    const own = make(Own)
    assert.strictEqual(payloadOf(own, Own.make({ schemaVersion: "x9" }), "paid"), '{"_tag":"Own","schemaVersion":"x9"}')
    assert.isTrue(Result.isSuccess(own.decode("paid", '{"_tag":"Own","schemaVersion":"x9"}')))
  })
})

describe("what is shown of old and newer versions", () => {
  const Told1 = Schema.TaggedStruct("Told", { secret: Schema.RedactedFromValue(Schema.String), note: Schema.String })
  const Told2 = Schema.TaggedStruct("Told", { note: Schema.String })
  const stream = EventStream.make("told", {
    subject: "told",
    events: {
      told: Event.versions(Told1).next(Told2, ({ note, secret }) =>
        Told2.make({ note: note + Redacted.value(secret).length })
      ),
      lost: Lost
    },
    key: () => "k"
  })
  const { hide } = maskOf(stream)

  it("is hidden by the Schema it was written with, and wholly when that is not known yet", () => {
    assert.strictEqual(
      hide("told", '{"_tag":"Told","secret":"abc","note":"n"}'),
      '{"_tag":"Told","secret":"‹redacted›","note":"n"}'
    )
    const today = '{"_tag":"Told","note":"n","schemaVersion":2}'
    assert.strictEqual(hide("told", today), today)
    assert.strictEqual(hide("lost", '{"_tag":"Lost","card":"4111","schemaVersion":2}'), '"‹redacted›"')
  })
})

it.effect("appending writes the newest version", () =>
  Effect.sync(() => {
    assert.strictEqual(
      JSON.parse(payloadOf(parcels3, Sent3.make({ parcel: "p", grams: 1, to: { country: "FR" } }))).schemaVersion,
      3
    )
  })
)

describe("a rolling deploy in memory", () => {
  it.live("an old instance leaves what it cannot read to one that can, in order", () =>
    Effect.gen(function* () {
      const services = yield* Layer.build(MemoryPipeline.layer)
      judgeHandover(yield* handsOver(services))
    })
  )

  it.effect("where none comes, the key is parked after its tries, and says what to do; a replay hands it over", () =>
    Effect.gen(function* () {
      const { aside, append, passTime, replay, seen, startNew } = yield* neverDeployed
      yield* append
      yield* passTime(10_000)
      assert.deepStrictEqual(
        (yield* aside).map(({ reason, status }) => `${status} ${reason.tag}`),
        ["retrying SchemaNewer"]
      )
      yield* passTime(20 * 60_000)
      const [parked] = yield* aside
      assert.strictEqual(parked?.status, "parked")
      assert.include(parked?.reason.message ?? "", "version 3, and this program knows versions up to 1; deploy")
      yield* startNew
      yield* replay
      yield* passTime(10_000)
      assert.deepStrictEqual(seen, ["new a1", "new a2"])
      assert.deepStrictEqual(yield* aside, [])
    })
  )

  it.effect("having waited is not counted as attempts of the handler", () =>
    Effect.gen(function* () {
      const { aside, append, failNext, passTime, seen, startNew } = yield* neverDeployed
      yield* append
      // Looked at ten times by then, which is more than the handler has attempts.
      yield* passTime(8 * 60_000)
      yield* startNew
      failNext(3)
      yield* passTime(5 * 60_000)
      assert.deepStrictEqual(yield* aside, [])
      assert.deepStrictEqual(seen, ["new a1", "new a2"])
    })
  )
})
