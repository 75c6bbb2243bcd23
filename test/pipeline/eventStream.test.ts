import { assert, describe, it } from "@effect/vitest"
import { Effect, Equal, Exit, Layer, Result, Schema } from "effect"
import * as EventStream from "../../src/pipeline/EventStream.ts"
import { type NewEntry, Outbox } from "../../src/pipeline/Outbox.ts"
import { slotOf } from "../../src/pipeline/Partition.ts"
import { InvalidEvent } from "../../src/pipeline/PipelineError.ts"

const Paid = Schema.TaggedStruct("Paid", {
  user: Schema.String,
  at: Schema.DateTimeUtcFromString,
  lines: Schema.Array(Schema.Struct({ amount: Schema.Int }))
})

const Shipped = Schema.TaggedStruct("Shipped", { user: Schema.String })

const stream = EventStream.make("orders", {
  subject: "order",
  events: { paid: Paid, shipped: Shipped },
  key: (event) => event.user
})

/** An outbox that keeps what it is given. */
const recorder = () => {
  const entries: Array<NewEntry> = []
  const append: Outbox["Service"]["append"] = (_, added) =>
    Effect.sync(() => {
      entries.push(...added)
      return added.map(({ eventId, key }, i) => ({ eventId, key, version: i + 1 }))
    })
  return { entries, layer: Layer.succeed(Outbox, { append }) }
}

const shipped = (user: string) => Shipped.make({ user })

const invalid = Effect.fnUntraced(function* (event: typeof Paid.Type | typeof Shipped.Type) {
  const { entries, layer } = recorder()
  const error = yield* stream.append([shipped("fine"), event]).pipe(Effect.provide(layer), Effect.flip)
  assert.deepStrictEqual(entries, [], "nothing may be written when one of the events is refused")
  return error instanceof InvalidEvent ? error : assert.fail(String(error))
})

describe("appending", () => {
  it.effect("writes the wire name, the key, its slot, a UUIDv7 and the JSON of each event", () =>
    Effect.gen(function* () {
      const { entries, layer } = recorder()
      const appended = yield* stream.append([shipped("ada"), shipped("日本")]).pipe(Effect.provide(layer))
      assert.deepStrictEqual(
        entries.map(({ key, payload, slot, type }) => ({ key, payload: JSON.parse(payload), slot, type })),
        ["ada", "日本"].map((user) => ({
          key: user,
          payload: { _tag: "Shipped", user },
          slot: slotOf(user),
          type: "shipped"
        }))
      )
      for (const { eventId } of entries) assert.match(eventId, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/)
      assert.deepStrictEqual(
        appended.map(({ eventId }) => eventId),
        entries.map(({ eventId }) => eventId)
      )
    })
  )

  it.effect("carries the traceparents it is given, and a well-formed one of its own otherwise", () =>
    Effect.gen(function* () {
      const { entries, layer } = recorder()
      const given = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`
      yield* stream.append([shipped("ada"), shipped("ada")], { traceparents: [given] }).pipe(Effect.provide(layer))
      assert.strictEqual(entries[0]?.traceparent, given)
      assert.match(entries[1]?.traceparent ?? "", /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
    })
  )

  it.effect.each<readonly [string, string]>([
    ["", "empty"],
    ["a\0b", "NUL"],
    ["\ud800", "lone surrogate"],
    ["a".repeat(1_025), "longer than 1024 bytes"],
    ["日".repeat(342), "longer than 1024 bytes"]
  ])("refuses a key that cannot travel: %j", ([key, detail]) =>
    Effect.gen(function* () {
      assert.include((yield* invalid(shipped(key))).detail, detail)
    })
  )

  it.effect("takes a key of exactly 1,024 bytes", () =>
    Effect.gen(function* () {
      const { entries, layer } = recorder()
      yield* stream.append([shipped("é".repeat(512))]).pipe(Effect.provide(layer))
      assert.strictEqual(entries.length, 1)
    })
  )

  it.effect("refuses an event that does not fit its Schema, and names the field", () =>
    Effect.gen(function* () {
      const fitting = yield* Schema.decodeEffect(Paid)({
        _tag: "Paid",
        user: "ada",
        at: "2026-03-01T12:00:00Z",
        lines: []
      })
      const error = yield* invalid({ ...fitting, lines: [{ amount: 1 }, { amount: 0.5 }] })
      assert.include(error.message, "event paid cannot be appended")
      for (const step of ["lines", "1", "amount"]) assert.include(error.detail, step)
    })
  )

  it.effect("refuses an event of another stream, and says which there are", () =>
    Effect.gen(function* () {
      const Foreign = Schema.TaggedStruct("Foreign", { user: Schema.String })
      const other = EventStream.make("orders", {
        subject: "order",
        events: { paid: Foreign },
        key: (event) => event.user
      })
      const { layer } = recorder()
      // What a program in plain JavaScript could do: the types forbid it.
      const append = other.append as unknown as typeof stream.append
      const exit = yield* append([shipped("ada")]).pipe(Effect.provide(layer), Effect.exit)
      assert.isTrue(Exit.isFailure(exit))
      assert.include(String(exit), "the stream has no such event; it has paid")
    })
  )
})

describe("reading", () => {
  const reason = (type: string, payload: string) => {
    // Wire names come from outside: they can be anything.
    const result = stream.decode(type as "paid", payload)
    return Result.isFailure(result) ? result.failure.message : assert.fail("it was read")
  }

  it("gives back what was written", () => {
    const payload = JSON.stringify({ _tag: "Shipped", user: "ada" })
    const result = stream.decode("shipped", payload)
    assert.isTrue(Result.isSuccess(result) && Equal.equals(result.success, shipped("ada")))
  })

  it("refuses a type the stream does not have, also one that every object has", () => {
    assert.include(reason("refunded", "{}"), "event refunded cannot be read: this stream has no such event")
    for (const name of ["constructor", "__proto__", "toString", ""]) assert.include(reason(name, "{}"), "no such event")
  })

  it("refuses what is not JSON", () => {
    for (const payload of ["", "{", "undefined", "\0"])
      assert.include(reason("paid", payload), "event paid cannot be read")
  })

  it("names the path of a field that does not fit, and of one that is missing", () => {
    const event = { _tag: "Paid", user: "ada", at: "2026-03-01T12:00:00Z", lines: [{ amount: 1 }] }
    const wrong = reason("paid", JSON.stringify({ ...event, lines: [{ amount: 1 }, { amount: "1" }] }))
    assert.include(wrong, '["lines"][1]["amount"]')
    assert.include(reason("paid", JSON.stringify({ ...event, at: "yesterday" })), '["at"]')
    assert.include(reason("paid", JSON.stringify({ _tag: "Paid", user: "ada", lines: [] })), '["at"]')
  })

  it.prop("never throws, whatever arrives", [Schema.String, Schema.String], ([type, payload]) => {
    assert.isTrue(Result.isFailure(stream.decode(type as "paid", payload)))
  })
})
