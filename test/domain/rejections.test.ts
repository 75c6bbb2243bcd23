import { assert, describe, it } from "@effect/vitest"
import { Option, Result } from "effect"
import { Email, OrderId, Sku, UserId } from "../../src/domain/Ids.ts"
import { Currency } from "../../src/domain/Money.ts"
import { evolve, type Order } from "../../src/domain/Order.ts"
import { CreateOrder, type OrderCommand, PayOrder, ShipOrder } from "../../src/domain/OrderCommand.ts"
import { decide, unitsBySku } from "../../src/domain/OrderDecision.ts"
import { noon } from "../support/orders.ts"

const orderId = OrderId.make("o-1")
const mug = Sku.make("mug")
const shirt = Sku.make("t-shirt")
const eur = Currency.make("EUR")
const usd = Currency.make("USD")

const create = CreateOrder.make({
  orderId,
  userId: UserId.make("ada"),
  email: Email.make("ada@example.com"),
  currency: eur,
  items: [
    { sku: mug, quantity: 2, unitPrice: 1_250 },
    { sku: shirt, quantity: 1, unitPrice: 990 },
    { sku: mug, quantity: 3, unitPrice: 1_000 }
  ]
})
const pay = PayOrder.make({ orderId, amount: 6_490, currency: eur })
const ship = ShipOrder.make({ orderId, carrier: "DHL", trackingNumber: "T 1" })

const stock = (mugs: number, shirts: number) =>
  new Map([
    [mug, mugs],
    [shirt, shirts]
  ])

/** The answer to a command after others were accepted, with plenty of stock. */
const after = (accepted: ReadonlyArray<OrderCommand>, command: OrderCommand, left = stock(100, 100)) => {
  const order = accepted.reduce((state: Option.Option<Order>, earlier) => {
    const answer = decide({ order: state, stock: stock(100, 100), now: noon }, earlier)
    return Result.isSuccess(answer) ? evolve(state, answer.success.event) : state
  }, Option.none())
  return decide({ order, stock: left, now: noon }, command)
}

const rejectionOf = (answer: ReturnType<typeof decide>) => {
  if (Result.isSuccess(answer)) return assert.fail(`it was accepted: ${answer.success.event._tag}`)
  const { _tag, ...fields } = answer.failure
  return { _tag, ...fields }
}

const reject = (answer: ReturnType<typeof decide>, _tag: string, fields: object) => {
  const rejection = rejectionOf(answer)
  assert.strictEqual(rejection._tag, _tag)
  assert.deepInclude(rejection, fields)
}

describe("a command is refused", () => {
  it("as OrderNotFound when there is no such order to pay or ship", () => {
    reject(after([], pay), "OrderNotFound", { orderId })
    reject(after([], ship), "OrderNotFound", { orderId })
  })

  it("as OrderAlreadyExists when the order was created before, whatever became of it", () => {
    reject(after([create], create), "OrderAlreadyExists", { orderId })
    reject(after([create, pay, ship], create), "OrderAlreadyExists", { orderId })
  })

  it("as OrderAlreadyPaid when it was paid or shipped before", () => {
    reject(after([create, pay], pay), "OrderAlreadyPaid", { orderId })
    reject(after([create, pay, ship], pay), "OrderAlreadyPaid", { orderId })
  })

  it("as PaymentMismatch with both amounts when the amount or the currency differs", () => {
    const expected = { amount: 6_490, currency: eur }
    reject(after([create], { ...pay, amount: 6_489 }), "PaymentMismatch", {
      orderId,
      expected,
      received: { amount: 6_489, currency: eur }
    })
    reject(after([create], { ...pay, currency: usd }), "PaymentMismatch", {
      expected,
      received: { amount: 6_490, currency: usd }
    })
  })

  it("as OrderNotPaid when it is to be shipped unpaid", () => {
    reject(after([create], ship), "OrderNotPaid", { orderId })
  })

  it("as OrderAlreadyShipped when it was shipped before", () => {
    reject(after([create, pay, ship], ship), "OrderAlreadyShipped", { orderId })
  })

  it("as UnknownSku with the index of the first item that names it", () => {
    reject(after([], create, new Map([[mug, 100]])), "UnknownSku", { sku: shirt, item: 1 })
  })

  it("as OutOfStock with all units the order asks for, what is left, and the first item that asks", () => {
    reject(after([], create, stock(4, 1)), "OutOfStock", { sku: mug, item: 0, requested: 5, available: 4 })
    reject(after([], create, stock(5, 0)), "OutOfStock", { sku: shirt, item: 1, requested: 1, available: 0 })
  })
})

describe("a command is accepted", () => {
  it("when the last units are asked for, and reserves the sum of the items of a SKU", () => {
    const answer = after([], create, stock(5, 1))
    assert.isTrue(Result.isSuccess(answer))
    if (Result.isFailure(answer)) return
    assert.deepStrictEqual(
      [...answer.success.reserved],
      [
        [mug, 5],
        [shirt, 1]
      ]
    )
    assert.deepInclude(answer.success.event, { _tag: "OrderCreated", total: 6_490, currency: eur })
    assert.deepStrictEqual(
      [...unitsBySku(create.items)],
      [
        [mug, 5],
        [shirt, 1]
      ]
    )
  })

  it("when it pays the total and when it ships what is paid, and then reserves nothing", () => {
    for (const answer of [after([create], pay), after([create, pay], ship)]) {
      assert.isTrue(Result.isSuccess(answer))
      if (Result.isSuccess(answer)) assert.strictEqual(answer.success.reserved.size, 0)
    }
  })
})
