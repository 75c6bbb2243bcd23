import { assert, layer } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { at, call } from "../support/servers/Http.ts"
import { AppUnderTest } from "./AppUnderTest.ts"
import { badBodies, badCommands, type BadRequest, badRequests, badTexts, unrefused } from "./BadInput.ts"

// All of them are welcome, in bodies, paths, headers and subjects.
const oddIds = [
  "orders.created.>",
  "*",
  ">",
  "a b",
  " padded ",
  `it's "quoted"`,
  "a/b/../c",
  "Größe-訂單-🛒",
  "100%",
  "%2F%00",
  "a?b=c&d#e",
  "<script>alert(1)</script>",
  "'; DROP TABLE orders; --",
  "back\\slash",
  "{a,b}[c]",
  "__proto__",
  "constructor",
  "toString",
  "null",
  "e\u0301",
  "x".repeat(128)
]

const dotIds = [".", "..", "..."]

/** The whole life of an order whose ids are all this text. */
const live = Effect.fnUntraced(function* (id: string) {
  const shop = yield* AppUnderTest
  yield* shop.setStock(id, 1)
  const created = yield* shop.create({ orderId: id, userId: id, items: [{ sku: id, quantity: 1, unitPrice: 4_999 }] })
  const location = created.headers["location"] ?? ""
  assert.strictEqual(location, `/orders/${encodeURIComponent(id)}`)
  const followed = yield* call(shop.url, "GET", `${location}?consistent=true`)
  assert.strictEqual(at(followed.json, "orderId"), id)
  yield* shop.pay(id)
  yield* shop.ship(id)
  assert.strictEqual(yield* shop.stock(id), 0)
  yield* shop.shows(id, "shipped")
  yield* shop.hasPoints(id, 100)
  const listed = yield* shop.ordersOf(id)
  assert.strictEqual(at(listed.json, 0, "orderId"), id)
})

const everythingAsBefore = Effect.fnUntraced(function* () {
  const shop = yield* AppUnderTest
  assert.strictEqual(yield* shop.stock("lamp"), 99)
  assert.strictEqual(at((yield* shop.ordersOf("ada", "?consistent=true")).json, "length"), 1)
  const one = yield* shop.show("one", "?consistent=true")
  assert.strictEqual(at(one.json, "status"), "created")
})

const open = Effect.gen(function* () {
  const shop = yield* AppUnderTest
  yield* shop.setStock("lamp", 100)
  yield* shop.tryCreate({ orderId: "one" })
  // Stock was set anew, so an order that was there before must not count.
  yield* shop.setStock("lamp", 99)
})

const isRefused = (requests: ReadonlyArray<BadRequest>) =>
  Effect.gen(function* () {
    const shop = yield* AppUnderTest
    yield* open
    assert.deepStrictEqual(yield* unrefused(shop.url, requests), [])
    yield* everythingAsBefore()
    assert.notInclude(shop.pipeline.stderr(), "level=ERROR")
  })

const suite = (name: string, app: Layer.Layer<AppUnderTest, unknown>, ids: ReadonlyArray<string>) =>
  layer(app, { excludeTestServices: true, timeout: "60 seconds" })(name, (it) => {
    it.effect("refuses bodies that are no order, with the field's path", () => isRefused(badBodies))
    it.effect("refuses ids, addresses, currencies and keys that cannot be", () => isRefused(badTexts))
    it.effect("refuses commands that do not fit the order or the stock", () => isRefused(badCommands))
    it.effect("answers what no endpoint takes with a problem", () => isRefused(badRequests))
    it.effect("takes any letters as ids, all the way to the points", () => Effect.forEach(ids, live, { discard: true }))
  })

suite("HTTP, in memory", AppUnderTest.memory, oddIds)

suite("HTTP, on real servers", AppUnderTest.servers, [...oddIds.slice(0, 4), "Größe-訂單-🛒", "__proto__"])

layer(AppUnderTest.memory, { excludeTestServices: true, timeout: "60 seconds" })("HTTP, odd paths", (it) => {
  it.effect("ids of dots are refused, or can be found again", () =>
    Effect.gen(function* () {
      const shop = yield* AppUnderTest
      yield* shop.setStock("lamp", 10)
      for (const id of dotIds) {
        const created = yield* shop.tryCreate({ orderId: id })
        if (created.status === 400) continue
        const found = yield* call(shop.url, "GET", `${created.headers["location"] ?? ""}?consistent=true`)
        assert.strictEqual(at(found.json, "orderId"), id)
      }
    })
  )

  it.effect("keys of prototypes change nothing but themselves", () =>
    Effect.gen(function* () {
      const shop = yield* AppUnderTest
      yield* shop.setStock("lamp", 10)
      const order = `{"orderId":"p","userId":"p","email":"a@b.c","currency":"EUR","items":[{"sku":"lamp","quantity":1,"unitPrice":1,"__proto__":{"quantity":9}}],"__proto__":{"status":"paid","polluted":1},"constructor":{"prototype":{"polluted":1}}}`
      const created = yield* call(shop.url, "POST", "/orders", { raw: order })
      assert.strictEqual(created.status, 201, created.text)
      assert.notInclude(created.text, "polluted")
      assert.strictEqual(at(created.json, "status"), "created")
      assert.strictEqual(yield* shop.stock("lamp"), 9)
      const inherited = yield* call(shop.url, "POST", "/orders", {
        raw: `{"__proto__":{"userId":"p","email":"a@b.c","currency":"EUR","items":[]}}`
      })
      assert.strictEqual(inherited.status, 400, inherited.text)
    })
  )
})
