import { assert, layer } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { eventually } from "../support/servers/Eventually.ts"
import { type Answer, at, call } from "../support/servers/Http.ts"
import { orderOf } from "../support/servers/Shop.ts"
import { AppUnderTest } from "./AppUnderTest.ts"

const itemsOf = (sku: string, quantity = 1) => [{ sku, quantity, unitPrice: 4_999 }]

const statuses = (answers: ReadonlyArray<Answer>) => answers.map((answer) => answer.status)

const same = (first: Answer, again: Answer) => {
  assert.strictEqual(again.status, first.status)
  assert.deepStrictEqual(again.json, first.json)
}

const suite = (name: string, app: Layer.Layer<AppUnderTest, unknown>) =>
  layer(app, { excludeTestServices: true, timeout: "60 seconds" })(name, (it) => {
    it.effect("a repeated command gets its first answer and is not executed again", () =>
      Effect.gen(function* () {
        const shop = yield* AppUnderTest
        yield* shop.setStock("repeated", 5)
        const fields = { userId: "rita", items: itemsOf("repeated") }
        const first = yield* shop.tryCreate(fields, "create-once")
        assert.strictEqual(first.status, 201)
        same(first, yield* shop.tryCreate(fields, "create-once"))
        assert.strictEqual(yield* shop.stock("repeated"), 4)
        const orderId = String(at(first.json, "orderId"))
        const paid = yield* shop.tryPay(orderId, 4_999, "pay-once")
        assert.strictEqual(paid.status, 200)
        yield* shop.ship(orderId)
        same(paid, yield* shop.tryPay(orderId, 4_999, "pay-once"))
        assert.strictEqual((yield* shop.tryPay(orderId, 4_999, "pay-twice")).status, 409)
        yield* shop.shows(orderId, "shipped")
        yield* shop.hasPoints("rita", 100)
      })
    )

    it.effect("a repeated command gets its first answer even when that was a refusal", () =>
      Effect.gen(function* () {
        const shop = yield* AppUnderTest
        yield* shop.setStock("refused", 0)
        const fields = { items: itemsOf("refused") }
        const first = yield* shop.tryCreate(fields, "refuse-once")
        assert.strictEqual(first.status, 409)
        yield* shop.setStock("refused", 5)
        same(first, yield* shop.tryCreate(fields, "refuse-once"))
        assert.strictEqual(yield* shop.stock("refused"), 5)
        const missing = yield* shop.tryPay("nobody's", 1, "pay-nothing")
        assert.strictEqual(missing.status, 404)
        same(missing, yield* shop.tryPay("nobody's", 1, "pay-nothing"))
      })
    )

    it.effect("a key that was used for something else is refused with its field", () =>
      Effect.gen(function* () {
        const shop = yield* AppUnderTest
        yield* shop.setStock("reused", 5)
        yield* shop.tryCreate({ orderId: "reused-1", items: itemsOf("reused") }, "reused")
        const another = yield* shop.tryCreate({ orderId: "reused-2", items: itemsOf("reused") }, "reused")
        const operation = yield* shop.tryPay("reused-1", 4_999, "reused")
        for (const refused of [another, operation]) {
          assert.strictEqual(refused.status, 422)
          assert.strictEqual(at(refused.json, "type"), "urn:millrace:idempotency-key-reused")
          assert.deepStrictEqual(at(refused.json, "errors", 0, "path"), ["headers", "idempotency-key"])
        }
        assert.strictEqual(yield* shop.stock("reused"), 4)
      })
    )

    it.effect("a request that means the same, written otherwise, is a repetition", () =>
      Effect.gen(function* () {
        const shop = yield* AppUnderTest
        yield* shop.setStock("rewritten", 5)
        const order = orderOf({ orderId: "rewritten-1", items: itemsOf("rewritten") })
        const turned = Object.fromEntries(Object.entries(order).toReversed())
        const headers = { "idempotency-key": "rewritten" }
        const first = yield* call(shop.url, "POST", "/orders", { json: order, headers })
        const again = yield* call(shop.url, "POST", "/orders", { raw: JSON.stringify(turned, null, 2), headers })
        assert.strictEqual(first.status, 201)
        same(first, again)
      })
    )

    it.effect("repetitions at the same time are executed once", () =>
      Effect.gen(function* () {
        const shop = yield* AppUnderTest
        yield* shop.setStock("at once", 100)
        const fields = { userId: "otto", items: itemsOf("at once") }
        const answers = yield* Effect.forEach(Array.from({ length: 40 }), () => shop.tryCreate(fields, "all-at-once"), {
          concurrency: "unbounded"
        })
        const [first] = answers
        assert.deepStrictEqual([...new Set(statuses(answers))], [201])
        assert.deepStrictEqual([...new Set(answers.map((answer) => answer.text))], [first?.text])
        assert.strictEqual(yield* shop.stock("at once"), 99)
        assert.strictEqual(at((yield* shop.ordersOf("otto", "?consistent=true")).json, "length"), 1)
      })
    )

    it.effect("exactly the stock is sold, however many want it at once", () =>
      Effect.gen(function* () {
        const shop = yield* AppUnderTest
        yield* shop.setStock("rare", 17)
        yield* shop.setStock("common", 1_000)
        const answers = yield* Effect.forEach(
          Array.from({ length: 50 }, (_, i) => i),
          (i) => shop.tryCreate({ userId: `buyer ${i}`, items: [...itemsOf("common"), ...itemsOf("rare")] }),
          { concurrency: "unbounded" }
        )
        const sold = answers.filter((answer) => answer.status === 201)
        const refused = answers.filter((answer) => answer.status === 409)
        assert.strictEqual(sold.length, 17)
        assert.strictEqual(refused.length, 33)
        for (const answer of refused) {
          assert.strictEqual(at(answer.json, "sku"), "rare")
          assert.strictEqual(at(answer.json, "available"), 0)
          assert.deepStrictEqual(at(answer.json, "errors", 0, "path"), ["payload", "items", 1, "quantity"])
        }
        assert.strictEqual(yield* shop.stock("rare"), 0)
        assert.strictEqual(yield* shop.stock("common"), 983)
      })
    )

    it.effect("payments at the same time are taken once", () =>
      Effect.gen(function* () {
        const shop = yield* AppUnderTest
        yield* shop.setStock("paid", 1)
        yield* shop.create({ orderId: "paid-1", userId: "petra", items: itemsOf("paid") })
        const answers = yield* Effect.forEach(Array.from({ length: 20 }), () => shop.tryPay("paid-1"), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(statuses(answers).toSorted(), [200, ...Array.from({ length: 19 }, () => 409)])
        yield* shop.shows("paid-1", "paid")
        yield* shop.hasPoints("petra", 100)
      })
    )

    it.effect("what is paid is summed up by day and SKU, and what is not paid is not", () =>
      Effect.gen(function* () {
        const shop = yield* AppUnderTest
        yield* shop.setStock("chair", 100)
        yield* shop.setStock("desk", 100)
        const items = [...itemsOf("chair", 3), ...itemsOf("desk"), ...itemsOf("chair", 2)]
        for (const orderId of ["sum-1", "sum-2", "sum-3"]) yield* shop.create({ orderId, userId: orderId, items })
        yield* shop.pay("sum-1", 6 * 4_999)
        yield* shop.pay("sum-2", 6 * 4_999)
        yield* eventually(
          "two orders' revenue",
          Effect.map(shop.revenue("chair"), (line) => line?.units === 10)
        )
        assert.deepStrictEqual(yield* shop.revenue("chair"), { units: 10, amount: 10 * 4_999 })
        assert.deepStrictEqual(yield* shop.revenue("desk"), { units: 2, amount: 2 * 4_999 })
        assert.deepStrictEqual((yield* call(shop.url, "GET", "/revenue/1999-12-31")).json, [])
      })
    )

    it.effect("the write side answers at once, the read model soon, with the history", () =>
      Effect.gen(function* () {
        const shop = yield* AppUnderTest
        yield* shop.setStock("read", 10)
        yield* shop.create({ orderId: "read-1", userId: "rosa", items: itemsOf("read", 2) })
        const consistent = yield* shop.show("read-1", "?consistent=true")
        assert.strictEqual(at(consistent.json, "status"), "created")
        assert.strictEqual(at(consistent.json, "total"), 9_998)
        assert.isUndefined(at(consistent.json, "history"))
        yield* shop.pay("read-1", 9_998)
        yield* shop.create({ orderId: "read-2", userId: "rosa", items: itemsOf("read") })
        yield* shop.ship("read-1")
        yield* shop.shows("read-1", "shipped")
        const seen = (yield* shop.show("read-1")).json
        const history = [0, 1, 2].map((i) => [at(seen, "history", i, "type"), at(seen, "history", i, "version")])
        assert.deepStrictEqual(history, [
          ["created", 1],
          ["paid", 2],
          ["shipped", 4]
        ])
        assert.match(String(at(seen, "shippedAt")), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
        const listed = (yield* shop.ordersOf("rosa")).json
        assert.deepStrictEqual([at(listed, 0, "orderId"), at(listed, 1, "orderId")], ["read-2", "read-1"])
        const one = (yield* shop.ordersOf("rosa", "?limit=1")).json
        assert.deepStrictEqual([at(one, "length"), at(one, 0, "orderId")], [1, "read-2"])
        assert.strictEqual(yield* shop.points("nobody"), 0)
      })
    )
  })

suite("commands, in memory", AppUnderTest.memory)

suite("commands, on real servers", AppUnderTest.servers)

layer(AppUnderTest.memory, { excludeTestServices: true })("documents", (it) => {
  it.effect("/openapi.json is OpenAPI 3.1 and names every path, its problems and its limits", () =>
    Effect.gen(function* () {
      const shop = yield* AppUnderTest
      const { headers, json, status } = yield* call(shop.url, "GET", "/openapi.json")
      assert.strictEqual(status, 200)
      assert.match(headers["content-type"] ?? "", /^application\/json/)
      assert.match(String(at(json, "openapi")), /^3\.1\./)
      const paths = Object.keys(Object(at(json, "paths"))).toSorted()
      assert.deepStrictEqual(paths, [
        "/inventory/{sku}",
        "/orders",
        "/orders/{orderId}",
        "/orders/{orderId}/pay",
        "/orders/{orderId}/ship",
        "/revenue/{day}",
        "/users/{userId}/orders",
        "/users/{userId}/points"
      ])
      const answers = Object.keys(Object(at(json, "paths", "/orders", "post", "responses"))).toSorted()
      assert.includeMembers(answers, ["201", "400", "409", "422", "503"])
    })
  )

  it.effect("/docs is a page, and every answer to GET /health is short", () =>
    Effect.gen(function* () {
      const shop = yield* AppUnderTest
      const docs = yield* call(shop.url, "GET", "/docs")
      assert.strictEqual(docs.status, 200)
      assert.match(docs.headers["content-type"] ?? "", /^text\/html/)
      assert.match(docs.text.slice(0, 200), /^<!doctype html>/i)
      assert.deepStrictEqual((yield* call(shop.url, "GET", "/health")).json, { status: "ok" })
    })
  )
})
