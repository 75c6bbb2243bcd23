/** The order API in the words of its users. */
import { assert } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import { type Answer, at, call } from "./Http.ts"
import { eventually } from "./Eventually.ts"

/** A valid order for one item; fields may be replaced. */
export const orderOf = (fields: Readonly<Record<string, unknown>> = {}) => ({
  userId: "ada",
  email: "ada@example.com",
  currency: "EUR",
  items: [{ sku: "lamp", quantity: 1, unitPrice: 4_999 }],
  ...fields
})

const segment = encodeURIComponent

const expecting =
  (status: number) =>
  (sent: Effect.Effect<Answer>): Effect.Effect<Answer> =>
    Effect.map(sent, (answer) => {
      assert.strictEqual(answer.status, status, answer.text)
      return answer
    })

const keyed = (key: string | undefined) => (key === undefined ? {} : { headers: { "idempotency-key": key } })

/** A shop behind an address. What is not answered as it should be fails the test. */
export const shopAt = (url: string) => {
  const tryCreate = (fields: Readonly<Record<string, unknown>> = {}, key?: string) =>
    call(url, "POST", "/orders", { json: orderOf(fields), ...keyed(key) })
  const tryPay = (orderId: string, amount = 4_999, key?: string) =>
    call(url, "POST", `/orders/${segment(orderId)}/pay`, { json: { amount, currency: "EUR" }, ...keyed(key) })
  const tryShip = (orderId: string, key?: string) =>
    call(url, "POST", `/orders/${segment(orderId)}/ship`, {
      json: { carrier: "DHL", trackingNumber: "JD0146" },
      ...keyed(key)
    })
  const show = (orderId: string, query = "") => call(url, "GET", `/orders/${segment(orderId)}${query}`)
  const points = (userId: string) =>
    Effect.map(call(url, "GET", `/users/${segment(userId)}/points`), (answer) => at(answer.json, "points"))
  const revenue = (sku: string) =>
    Effect.gen(function* () {
      const day = DateTime.formatIsoDateUtc(yield* DateTime.now)
      const { json } = yield* call(url, "GET", `/revenue/${day}`)
      const lines = Array.isArray(json) ? json.filter((line) => at(line, "sku") === sku) : []
      return lines.map((line) => ({ units: at(line, "units"), amount: at(line, "amount") }))[0]
    })
  return {
    url,
    tryCreate,
    tryPay,
    tryShip,
    show,
    points,
    /** What was sold of a SKU today, in one currency. */
    revenue,
    create: (fields?: Readonly<Record<string, unknown>>) => tryCreate(fields).pipe(expecting(201)),
    pay: (orderId: string, amount?: number) => tryPay(orderId, amount).pipe(expecting(200)),
    ship: (orderId: string) => tryShip(orderId).pipe(expecting(200)),
    setStock: (sku: string, available: number) =>
      call(url, "PUT", `/inventory/${segment(sku)}`, { json: { available } }).pipe(expecting(200)),
    stock: (sku: string) =>
      Effect.map(call(url, "GET", `/inventory/${segment(sku)}`), (answer) => at(answer.json, "available")),
    ordersOf: (userId: string, query = "") => call(url, "GET", `/users/${segment(userId)}/orders${query}`),
    /** Until the read model shows the order in this state. */
    shows: (orderId: string, status: string, seconds?: number) =>
      eventually(
        `order ${orderId} ${status}`,
        Effect.map(show(orderId), (answer) => at(answer.json, "status") === status),
        seconds
      ),
    /** Until so many points are booked. */
    hasPoints: (userId: string, wanted: number, seconds?: number) =>
      eventually(
        `${wanted} points of ${userId}`,
        Effect.map(points(userId), (booked) => booked === wanted),
        seconds
      )
  }
}

export type Shop = ReturnType<typeof shopAt>
