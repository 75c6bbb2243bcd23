import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Equal, Option, Schema } from "effect"
import { Email, OrderId, ShortText, Sku, UserId } from "../../src/domain/Ids.ts"
import { Amount, Currency, UnitPrice } from "../../src/domain/Money.ts"
import { evolve, Order } from "../../src/domain/Order.ts"
import { CreateOrder } from "../../src/domain/OrderCommand.ts"
import { OrderEvent, OrderItem } from "../../src/domain/OrderEvent.ts"
import { anyEvent } from "../support/orders.ts"

const accepts = (schema: Schema.Codec<unknown, unknown>) => {
  const decode = Schema.decodeUnknownOption(schema)
  return (input: unknown) => Option.isSome(decode(input))
}

describe("JSON and back", () => {
  it.effect.prop("keeps every event", [anyEvent], ([event]) =>
    Effect.gen(function* () {
      const json = Schema.fromJsonString(OrderEvent)
      const text = yield* Schema.encodeEffect(json)(event)
      return Equal.equals(yield* Schema.decodeEffect(json)(text), event)
    })
  )

  it.effect.prop("keeps every order", [Arbitrary.array(anyEvent, { maxLength: 6 })], ([events]) =>
    Effect.gen(function* () {
      const order = events.reduce(evolve, Option.none<Order>())
      if (Option.isNone(order)) return true
      const json = Schema.fromJsonString(Order)
      const text = yield* Schema.encodeEffect(json)(order.value)
      return Equal.equals(yield* Schema.decodeEffect(json)(text), order.value)
    })
  )
})

describe.each([
  ["an order id", OrderId],
  ["a user id", UserId],
  ["a SKU", Sku],
  ["a carrier", ShortText]
])("%s", (_, schema) => {
  const isAccepted = accepts(schema)

  it.each([
    "a",
    "ada.lovelace",
    "two words",
    "*",
    ">",
    "order.*.>",
    `"double" 'single' \`back\``,
    "Žofie",
    "日本",
    "🦊",
    "a".repeat(128)
  ])("may be %j", (text) => {
    assert.isTrue(isAccepted(text))
  })

  it.each([
    ["nothing", ""],
    ["blank", " \u00a0 "],
    ["NUL", "a\0b"],
    ["a line break", "a\nb"],
    ["a C1 control", "a\u0085b"],
    ["DEL", "a\u007f"],
    ["half of a surrogate pair", "a\ud83e"],
    ["the other half", "\udd8aa"],
    ["129 characters", "a".repeat(129)],
    ["a number", 7],
    ["null", null]
  ])("may not be %s", (_, input) => {
    assert.isFalse(isAccepted(input))
  })
})

describe("an e-mail address", () => {
  const isAccepted = accepts(Email)

  it.each(["a@b", "ada+shop@example.com", "ädä@müller.example", `${"a".repeat(248)}@b.com`])("may be %s", (text) => {
    assert.isTrue(isAccepted(text))
  })

  it.each([
    "",
    "ada",
    "@example.com",
    "ada@",
    "a@b@c",
    "a b@c.com",
    "a@b.com,c@d.com",
    "a@b.com;c@d.com",
    "<a@b.com>",
    "Ada <a@b.com>",
    "a@b.com\r\nBcc: c@d.com",
    "a\0@b.com",
    `${"a".repeat(249)}@b.com`
  ])("may not be %j", (text) => {
    assert.isFalse(isAccepted(text))
  })
})

describe("money", () => {
  it.each(["EUR", "USD", "JPY", "CHF"])("may be in %s", (code) => {
    assert.isTrue(accepts(Currency)(code))
  })

  it.each(["", "eur", "EURO", "ABC", " EUR", "€"])("may not be in %j", (code) => {
    assert.isFalse(accepts(Currency)(code))
  })

  it.each([
    [0, true, true],
    [1_000_000_000, true, true],
    [1_000_000_001, true, false],
    [Number.MAX_SAFE_INTEGER, true, false],
    [Number.MAX_SAFE_INTEGER + 1, false, false],
    [-1, false, false],
    [0.5, false, false],
    [Number.NaN, false, false],
    [Number.POSITIVE_INFINITY, false, false],
    ["1", false, false]
  ])("%s minor units: as an amount %s, as the price of one unit %s", (amount, asAmount, asPrice) => {
    assert.strictEqual(accepts(Amount)(amount), asAmount)
    assert.strictEqual(accepts(UnitPrice)(amount), asPrice)
  })

  it("cannot overflow: 100 items of 10,000 of the dearest units are a safe integer", () => {
    assert.isTrue(Number.isSafeInteger(100 * 10_000 * 1_000_000_000))
  })
})

describe("an order", () => {
  const item = { sku: "mug", quantity: 1, unitPrice: 100 }
  const create = { _tag: "CreateOrder", orderId: "o", userId: "u", email: "a@b", currency: "EUR" }

  it.each([
    [0, false],
    [1, true],
    [10_000, true],
    [10_001, false],
    [1.5, false]
  ])("may ask for %s units of an item: %s", (quantity, expected) => {
    assert.strictEqual(accepts(OrderItem)({ ...item, quantity }), expected)
  })

  it.each([
    [0, false],
    [1, true],
    [100, true],
    [101, false]
  ])("may have %s items: %s", (length, expected) => {
    assert.strictEqual(accepts(CreateOrder)({ ...create, items: Array.from({ length }, () => item) }), expected)
  })
})
