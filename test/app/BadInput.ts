/** Input that must be refused, and what it is refused with. */
import { Effect } from "effect"
import { at, type Answer, call, type Sent } from "../support/servers/Http.ts"
import { orderOf } from "../support/servers/Shop.ts"

/** A request that must not be served. `field`: the path that the problem names, its parts separated by dots. */
export interface BadRequest {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly sent?: Sent
  readonly status: number | ReadonlyArray<number>
  readonly field?: string
}

const post = (name: string, sent: Sent, field?: string, status = 400): BadRequest => ({
  name,
  method: "POST",
  path: "/orders",
  sent,
  status,
  ...(field === undefined ? {} : { field })
})

const order = (name: string, fields: Readonly<Record<string, unknown>>, field: string, status = 400) =>
  post(name, { json: orderOf(fields) }, field, status)

const item = (name: string, fields: Readonly<Record<string, unknown>>, field: string, status = 400) =>
  order(
    name,
    { items: [{ sku: "lamp", quantity: 1, unitPrice: 4_999, ...fields }] },
    `payload.items.0.${field}`,
    status
  )

const get = (name: string, path: string, field: string): BadRequest => ({
  name,
  method: "GET",
  path,
  status: 400,
  field
})

const without = (field: string) => ({ ...orderOf(), [field]: undefined })

const wrongTypes: ReadonlyArray<unknown> = [null, true, {}, [], "1", 1.5, 1e300]

/** Bodies that are no order. */
export const badBodies: ReadonlyArray<BadRequest> = [
  ...["", "{", '{"userId":', "nonsense", "{'userId':'ada'}", "NaN", "\u0000", "[".repeat(50_000)].map((raw, i) =>
    post(`malformed JSON ${i}`, { raw }, "payload")
  ),
  ...["null", "[]", "42", '"ada"', "true"].map((raw) => post(`no object: ${raw}`, { raw }, "payload")),
  ...["userId", "email", "currency", "items"].map((name) =>
    post(`without ${name}`, { json: without(name) }, `payload.${name}`)
  ),
  ...[null, true, 7, {}, []].flatMap((value) =>
    ["userId", "email", "currency", "orderId"].map((name) =>
      order(`${name} is ${JSON.stringify(value)}`, { [name]: value }, `payload.${name}`)
    )
  ),
  order("no items", { items: [] }, "payload.items.0"),
  ...[null, true, 7, {}, "lamp"].map((items) =>
    order(`items are ${JSON.stringify(items)}`, { items }, "payload.items")
  ),
  order("101 items", { items: Array.from({ length: 101 }, () => orderOf().items[0]) }, "payload.items"),
  order("an item is null", { items: [null] }, "payload.items.0"),
  ...[...wrongTypes, -1, 0, -0.5, 10_001].map((quantity) =>
    item(`quantity ${JSON.stringify(quantity)}`, { quantity }, "quantity")
  ),
  ...[...wrongTypes, -1, 1_000_000_001].map((unitPrice) =>
    item(`unit price ${JSON.stringify(unitPrice)}`, { unitPrice }, "unitPrice")
  ),
  item("no quantity", { quantity: undefined }, "quantity"),
  item("an unknown SKU", { sku: "no such lamp" }, "sku", 422)
]

/** Texts that no id may be. */
const badIds: Readonly<Record<string, string>> = {
  empty: "",
  blank: "   ",
  "129 characters": "x".repeat(129),
  "10,000 characters": "x".repeat(10_000),
  NUL: "a\0b",
  "line break": "a\r\nb",
  "C1 control": "a\u0085b",
  "lone surrogate": "a\ud800b"
}

/** Ids, mail addresses, currencies and keys that cannot be. */
export const badTexts: ReadonlyArray<BadRequest> = [
  ...Object.entries(badIds).flatMap(([what, id]) => [
    order(`${what} as user`, { userId: id }, "payload.userId"),
    order(`${what} as order id`, { orderId: id }, "payload.orderId"),
    item(`${what} as SKU`, { sku: id }, "sku")
  ]),
  ...[
    "ada",
    "ada@",
    "@example.com",
    "a@b@c",
    "ada@example.com,eve@example.com",
    "ada@example.com\nBcc: eve@example.com",
    "ada@example.com\r\nX: y",
    "Ada <ada@example.com>",
    "ada@exa mple.com",
    "ada@example.com;eve@example.com",
    `${"a".repeat(251)}@b.c`
  ].map((email) => order(`e-mail ${JSON.stringify(email.slice(0, 40))}`, { email }, "payload.email")),
  ...["XXA", "eur", "EURO", "", "€", "__proto__"].map((currency) =>
    order(`currency ${JSON.stringify(currency)}`, { currency }, "payload.currency")
  ),
  ...["", "a b", "ü", "k".repeat(256)].map((key) =>
    post(
      `Idempotency-Key ${JSON.stringify(key.slice(0, 10))}`,
      { json: orderOf(), headers: { "idempotency-key": Buffer.from(key).toString("latin1") } },
      "headers.idempotency-key"
    )
  ),
  ...Object.entries({ "%00": "NUL", "%0A": "line break", "%20": "blank", [`${"x".repeat(129)}`]: "over-long" }).flatMap(
    ([segment, what]) => [
      get(`${what} in an order's path`, `/orders/${segment}`, "params.orderId"),
      get(`${what} in a user's path`, `/users/${segment}/orders`, "params.userId"),
      get(`${what} in a SKU's path`, `/inventory/${segment}`, "params.sku")
    ]
  ),
  ...["0", "-1", "1.5", "1001", "abc", ""].map((limit) =>
    get(`limit=${limit}`, `/users/ada/orders?limit=${limit}`, "query.limit")
  ),
  ...["today", "2026-13-01", "2026-02-30", "0000-01-01", "2026-1-1", "20261126", "%00"].map((day) =>
    get(`revenue of ${day}`, `/revenue/${day}`, "params.day")
  ),
  get("consistent=maybe", "/orders/one?consistent=maybe", "query.consistent")
]

/** Requests about orders and stock that are there. The order `one` is created, unpaid, and costs 4999 EUR. */
export const badCommands: ReadonlyArray<BadRequest> = [
  ...[...wrongTypes, -1].map((amount): BadRequest => ({
    name: `pay ${JSON.stringify(amount)}`,
    method: "POST",
    path: "/orders/one/pay",
    sent: { json: { amount, currency: "EUR" } },
    status: 400,
    field: "payload.amount"
  })),
  ...(
    [
      ["less than the total", { amount: 4_998, currency: "EUR" }, 422, "payload.amount"],
      ["more than the total", { amount: 5_000, currency: "EUR" }, 422, "payload.amount"],
      ["another currency", { amount: 4_999, currency: "USD" }, 422, "payload.currency"],
      ["an unknown currency", { amount: 4_999, currency: "ABC" }, 400, "payload.currency"],
      ["nothing", {}, 400, "payload.amount"]
    ] as const
  ).map(([name, json, status, field]) => ({
    name: `pay ${name}`,
    method: "POST",
    path: "/orders/one/pay",
    sent: { json },
    status,
    field
  })),
  ...["", "  ", "a\nb", "x".repeat(129), 7, null].map((carrier): BadRequest => ({
    name: `ship with ${JSON.stringify(carrier)?.slice(0, 20)}`,
    method: "POST",
    path: "/orders/one/ship",
    sent: { json: { carrier, trackingNumber: "1" } },
    status: 400,
    field: "payload.carrier"
  })),
  {
    name: "ship what is not paid",
    method: "POST",
    path: "/orders/one/ship",
    sent: { json: { carrier: "DHL", trackingNumber: "1" } },
    status: 409
  },
  {
    name: "pay no order",
    method: "POST",
    path: "/orders/none/pay",
    sent: { json: { amount: 1, currency: "EUR" } },
    status: 404
  },
  { name: "show no order", method: "GET", path: "/orders/none", status: 404 },
  { name: "show no order at the write side", method: "GET", path: "/orders/none?consistent=true", status: 404 },
  { name: "show no SKU", method: "GET", path: "/inventory/none", status: 404 },
  order("an id twice", { orderId: "one" }, "", 409),
  ...[-1, 1.5, "5", null, 1_000_000_001].map((available): BadRequest => ({
    name: `stock ${JSON.stringify(available)}`,
    method: "PUT",
    path: "/inventory/lamp",
    sent: { json: { available } },
    status: 400,
    field: "payload.available"
  })),
  order(
    "more than there is",
    { items: [{ sku: "lamp", quantity: 9_999, unitPrice: 1 }] },
    "payload.items.0.quantity",
    409
  ),
  order(
    "more than there is, over several items",
    { items: Array.from({ length: 2 }, () => ({ sku: "lamp", quantity: 60, unitPrice: 1 })) },
    "payload.items.0.quantity",
    409
  )
]

/** Requests that reach no endpoint. */
export const badRequests: ReadonlyArray<BadRequest> = [
  { name: "an unknown path", method: "GET", path: "/nowhere", status: 404 },
  { name: "a path like one we have", method: "GET", path: "/orders/one/two/three", status: 404 },
  { name: "an empty id", method: "GET", path: "/orders/", status: [400, 404] },
  { name: "a wrong method", method: "DELETE", path: "/orders/one", status: [404, 405] },
  { name: "a wrong method on a collection", method: "GET", path: "/orders", status: [404, 405] },
  { name: "malformed percent-encoding", method: "GET", path: "/orders/%zz", status: [400, 404] },
  { name: "half of a percent-encoding", method: "GET", path: "/orders/a%E", status: [400, 404] },
  { name: "a percent-encoded lone surrogate", method: "GET", path: "/orders/%ED%A0%80", status: [400, 404] },
  { name: "a percent-encoded Latin-1 letter", method: "GET", path: "/users/%FC/orders", status: [400, 404] },
  {
    name: "text/plain",
    method: "POST",
    path: "/orders",
    sent: { raw: JSON.stringify(orderOf()), headers: { "content-type": "text/plain" } },
    status: 415
  },
  {
    name: "a form",
    method: "POST",
    path: "/orders",
    sent: { raw: "userId=ada", headers: { "content-type": "application/x-www-form-urlencoded" } },
    status: 415
  },
  {
    name: "a body of 2 MB",
    method: "POST",
    path: "/orders",
    sent: { json: orderOf({ pad: "x".repeat(2_000_000) }) },
    status: 413
  },
  {
    name: "a body of 2 MB in chunks",
    method: "POST",
    path: "/orders",
    sent: { json: orderOf({ pad: "x".repeat(2_000_000) }), headers: { "transfer-encoding": "chunked" } },
    status: 413
  }
]

const faultOf = (bad: BadRequest, answer: Answer): string | undefined => {
  const wanted = typeof bad.status === "number" ? [bad.status] : bad.status
  if (!wanted.includes(answer.status)) return `answered ${answer.status} ${answer.text.slice(0, 200)}`
  const type = answer.headers["content-type"] ?? "nothing"
  if (!type.startsWith("application/problem+json")) return `${answer.status} as ${type}`
  if (at(answer.json, "status") !== answer.status) return `the problem says ${answer.text}`
  if (bad.field === undefined || bad.field === "") return undefined
  const errors = at(answer.json, "errors")
  const paths = Array.isArray(errors) ? errors.map((error) => String(at(error, "path")).replaceAll(",", ".")) : []
  return paths.includes(bad.field) ? undefined : `names ${paths.join(" and ") || "no field"}, not ${bad.field}`
}

/** Sends them one after the other; what was not refused as it should be, one line each. */
export const unrefused = (url: string, requests: ReadonlyArray<BadRequest>): Effect.Effect<ReadonlyArray<string>> =>
  Effect.forEach(requests, (bad) =>
    Effect.map(call(url, bad.method, bad.path, bad.sent), (answer) => {
      const fault = faultOf(bad, answer)
      return fault === undefined ? [] : [`${bad.name}: ${fault}`]
    })
  ).pipe(Effect.map((faults) => faults.flat()))
