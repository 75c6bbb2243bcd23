import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { masked, maskOf } from "../../src/ops/Mask.ts"
import * as EventStream from "../../src/pipeline/EventStream.ts"

const Secret = Schema.RedactedFromValue(Schema.String)

class Paid extends Schema.TaggedClass<Paid>()("Paid", {
  user: Schema.String,
  card: Secret,
  lines: Schema.Array(Schema.Struct({ pin: Schema.optionalKey(Secret), n: Schema.Int })),
  at: Schema.DateTimeUtcFromString
}) {}

class Seen extends Schema.TaggedClass<Seen>()("Seen", { user: Schema.String, note: Schema.String }) {}

class Held extends Schema.TaggedClass<Held>()("Held", {
  user: Schema.String,
  maybe: Schema.OptionFromNullOr(Secret),
  inside: Schema.fromJsonString(Schema.Struct({ pin: Secret })),
  at: Schema.DateTimeUtcFromString
}) {}

const stream = EventStream.make("masked", {
  subject: "masked",
  events: { paid: Paid, seen: Seen, held: Held },
  key: (event) => event.user
})

const mask = maskOf(stream)

const paid = (over: object = {}) =>
  JSON.stringify({
    _tag: "Paid",
    user: "ada",
    card: "4111",
    lines: [{ pin: "1234", n: 1 }, { n: 2 }],
    at: "2026-01-01T00:00:00.000Z",
    ...over
  })

describe("payloads as they may be shown", () => {
  it("have no value that its Schema marks Redacted, however deep", () => {
    const shown = mask.hide("paid", paid())
    assert.deepStrictEqual(JSON.parse(shown), {
      _tag: "Paid",
      user: "ada",
      card: masked,
      lines: [{ pin: masked, n: 1 }, { n: 2 }],
      at: "2026-01-01T00:00:00.000Z"
    })
  })

  it("are hidden whole when they cannot be read and may hold a secret", () => {
    for (const payload of ["{}", `{"card":"4111"}`, `not json 4111`, paid({ user: 7 })])
      assert.strictEqual(mask.hide("paid", payload), JSON.stringify(masked))
  })

  it("do not show what the Schema does not know, beside a secret", () => {
    assert.notInclude(mask.hide("paid", paid({ oldCard: "4111-old" })), "4111")
  })

  it("have none that is in an Option, or in a text of its own", () => {
    const payload = {
      _tag: "Held",
      user: "ada",
      maybe: "4111",
      inside: `{"pin":"1234"}`,
      at: "2026-01-01T00:00:00.000Z"
    }
    assert.deepStrictEqual(JSON.parse(mask.hide("held", JSON.stringify(payload))), {
      ...payload,
      maybe: masked,
      inside: masked
    })
  })

  it("are hidden whole when they are of a type that is not known here", () => {
    assert.strictEqual(mask.hide("newer", `{"_tag":"Newer","card":"4111"}`), JSON.stringify(masked))
  })

  it("are as they are when nothing in their Schema is secret, also when they cannot be read", () => {
    for (const payload of [`{"_tag":"Seen","user":"ada","note":"x"}`, `{ "odd" : 1 }`, "{"])
      assert.strictEqual(mask.hide("seen", payload), payload)
  })
})

describe("an edited payload", () => {
  it("gets back what was masked and left as it was", () => {
    const edited = mask.hide("paid", paid()).replace(`"user":"ada"`, `"user":"bob"`)
    assert.deepStrictEqual(JSON.parse(mask.restore(edited, paid())), JSON.parse(paid({ user: "bob" })))
  })

  it("keeps what was given instead", () => {
    const edited = mask.hide("paid", paid()).replace(`"card":"${masked}"`, `"card":"5555"`)
    assert.deepStrictEqual(JSON.parse(mask.restore(edited, paid())), JSON.parse(paid({ card: "5555" })))
  })

  it("with fewer lines gets no line's secret from another one", () => {
    const before = paid({
      lines: [
        { pin: "1234", n: 1 },
        { pin: "5678", n: 2 }
      ]
    })
    const shown: { readonly lines: ReadonlyArray<unknown> } = JSON.parse(mask.hide("paid", before))
    const edited = JSON.stringify({ ...shown, lines: shown.lines.slice(1) })
    assert.notInclude(mask.restore(edited, before), "1234")
  })

  it("that is no JSON is left for the Schema to refuse", () => {
    assert.strictEqual(mask.restore(`{${masked}`, paid()), `{${masked}`)
  })
})
