import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { startPipeline } from "../support/servers/AppProcess.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { at, call } from "../support/servers/Http.ts"
import { judgePushes } from "../support/servers/Pushes.ts"
import { mailReceiver, pushReceiver, type ReceivedMail, type ReceivedPush } from "../support/servers/Receivers.ts"
import { orderOf, type Shop, shopAt } from "../support/servers/Shop.ts"
import { TestServers } from "../support/servers/TestServers.ts"

interface OpenWorld {
  readonly shop: Shop
  readonly mailsTo: (address: string) => ReadonlyArray<ReceivedMail>
  readonly pushesOf: (userId: string) => ReadonlyArray<ReceivedPush>
  readonly pushes: ReadonlyArray<ReceivedPush>
}

/** A pipeline on real servers, with a real mail server and a real webhook behind it. */
class World extends Context.Service<World, OpenWorld>()("millrace/test/system/World") {
  static readonly layer = Layer.effect(
    World,
    Effect.gen(function* () {
      const { environment } = yield* TestServers
      const mail = yield* mailReceiver
      const push = yield* pushReceiver
      const pipeline = yield* startPipeline({ ...environment, SMTP_URL: mail.url, PUSH_WEBHOOK_URL: push.url })
      return {
        shop: shopAt(pipeline.url),
        pushes: push.pushes,
        mailsTo: (address: string) => mail.mails.filter(({ to }) => to.includes(address)),
        pushesOf: (userId: string) => push.pushes.filter(({ body }) => at(body, "userId") === userId)
      }
    })
  ).pipe(Layer.provide(TestServers.layer))
}

const arrived = (what: string, count: () => number, wanted: number) =>
  eventually(
    `${wanted} ${what}`,
    Effect.sync(() => count() >= wanted)
  )

const story = Effect.fnUntraced(function* (shop: Shop, orderId: string, userId: string) {
  yield* shop.create({ orderId, userId, email: `${orderId}@example.com` })
  yield* shop.pay(orderId)
  yield* shop.ship(orderId)
})

layer(World.layer, { excludeTestServices: true, timeout: "60 seconds" })("an order's whole way", (it) => {
  it.effect("create, pay, ship, show: shipped, 100 points, mails and pushes received", () =>
    Effect.gen(function* () {
      const { mailsTo, pushesOf, shop } = yield* World
      yield* shop.setStock("lamp", 1_000)
      yield* story(shop, "story", "stella")
      yield* shop.shows("story", "shipped")
      yield* shop.hasPoints("stella", 100)
      assert.strictEqual(yield* shop.stock("lamp"), 999)

      yield* arrived("mails", () => mailsTo("story@example.com").length, 2)
      yield* arrived("pushes", () => pushesOf("stella").length, 3)
      const history = [0, 1, 2]
      const shown = (yield* shop.show("story")).json
      const eventIds = history.map((i) => String(at(shown, "history", i, "eventId")))

      const [confirmed, shipped, ...otherMails] = mailsTo("story@example.com")
      assert.lengthOf(otherMails, 0)
      assert.deepStrictEqual(confirmed?.to, ["story@example.com"])
      assert.strictEqual(confirmed?.from, "orders@millrace.example")
      assert.strictEqual(confirmed?.headers.get("subject"), "Order story confirmed")
      assert.strictEqual(confirmed?.headers.get("message-id"), `<mail.${eventIds[0]}.0@millrace>`)
      assert.include(confirmed?.text, "49.99 EUR")
      assert.strictEqual(shipped?.headers.get("subject"), "Order story shipped")
      assert.strictEqual(shipped?.headers.get("message-id"), `<mail.${eventIds[2]}.0@millrace>`)
      assert.include(shipped?.text, "JD0146")

      const pushes = pushesOf("stella")
      assert.lengthOf(pushes, 3)
      const types = ["order.created", "order.paid", "order.shipped"]
      pushes.forEach(({ body, headers, method }, i) => {
        assert.strictEqual(method, "POST")
        assert.match(headers["content-type"] ?? "", /^application\/json/)
        assert.strictEqual(headers["idempotency-key"], `push:${eventIds[i]}:0`)
        assert.strictEqual(headers["millrace-key"], "stella")
        assert.strictEqual(headers["millrace-version"], String(i + 1))
        assert.match(String(headers["traceparent"]), /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
        const { message, occurredAt, ...rest } = Object(body)
        assert.deepStrictEqual(rest, {
          type: types[i],
          eventId: eventIds[i],
          orderId: "story",
          userId: "stella",
          version: i + 1
        })
        assert.match(occurredAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
        assert.include(message, "story")
      })
    })
  )

  it.effect("a caller's trace goes with its event to the push", () =>
    Effect.gen(function* () {
      const { pushesOf, shop } = yield* World
      yield* shop.setStock("traced", 1)
      const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
      const traced = orderOf({ userId: "tracy", items: [{ sku: "traced", quantity: 1, unitPrice: 1 }] })
      const created = yield* call(shop.url, "POST", "/orders", {
        json: traced,
        headers: { traceparent: `00-${trace}-00f067aa0ba902b7-01` }
      })
      assert.strictEqual(created.status, 201)
      yield* arrived("pushes", () => pushesOf("tracy").length, 1)
      assert.include(String(pushesOf("tracy")[0]?.headers["traceparent"]), trace)
    })
  )

  it.effect("any letters of a user arrive in header and body", () =>
    Effect.gen(function* () {
      const { pushesOf, shop } = yield* World
      yield* shop.setStock("lamp", 1_000)
      const user = `Zoë "*.>" 訂單/%41`
      yield* shop.create({ userId: user })
      yield* arrived("pushes", () => pushesOf(user).length, 1)
      assert.strictEqual(pushesOf(user)[0]?.headers["millrace-key"], encodeURIComponent(user))
    })
  )

  it.effect("many orders of many users: every user's pushes come 1, 2, 3 …, each once", () =>
    Effect.gen(function* () {
      const { mailsTo, pushes, pushesOf, shop } = yield* World
      yield* shop.setStock("lamp", 1_000)
      const users = Array.from({ length: 12 }, (_, i) => `user ${i}`)
      const orders = users.flatMap((user, i) => Array.from({ length: 5 }, (_, n) => [`many-${i}-${n}`, user] as const))
      yield* Effect.forEach(orders, ([orderId, user]) => story(shop, orderId, user), { concurrency: 16, discard: true })
      const ofThese = () => users.flatMap(pushesOf)
      yield* arrived("pushes", () => ofThese().length, orders.length * 3)
      for (const [orderId] of orders) {
        yield* arrived("mails", () => mailsTo(`${orderId}@example.com`).length, 2)
        assert.lengthOf(mailsTo(`${orderId}@example.com`), 2)
      }
      for (const user of users) yield* shop.hasPoints(user, 500)
      assert.lengthOf(ofThese(), orders.length * 3)
      const judgement = judgePushes(pushes)
      assert.isTrue(judgement.ok, JSON.stringify(judgement.faults))
      assert.strictEqual(judgePushes(ofThese()).committed, orders.length * 3)
    })
  )
})
