import { Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import type { OrderId, Sku, UserId } from "../../domain/Ids.ts"
import type { Order } from "../../domain/Order.ts"
import { answerFromJson, answerToJson, orderFromJson, orderToJson } from "./orderJson.ts"
import { type Changes, OrderStore, ordersListedMax, type StoredAnswer, type Wanted } from "./OrderStore.ts"

/** The write side in Postgres: a fixed number of statements per group, whatever its size. */
export const layer: Layer.Layer<OrderStore, never, SqlClient.SqlClient> = Layer.effect(
  OrderStore,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient

    const loadAnswers = Effect.fnUntraced(function* (keys: ReadonlyArray<string>) {
      if (keys.length === 0) return new Map<string, StoredAnswer>()
      // A first request and its repetition may be under way together: the second waits here, then sees the first's answer.
      yield* sql`SELECT pg_advisory_xact_lock(h) FROM (SELECT DISTINCT hashtextextended(k, 0) AS h
        FROM unnest(${keys}::text[]) AS k ORDER BY 1) AS locks`
      const rows = yield* sql<{ readonly key: string; readonly fingerprint: string; readonly answer: string }>`
        SELECT key, fingerprint, answer::text AS answer FROM command_answer WHERE key = ANY(${keys}::text[])`
      return new Map(rows.map((row) => [row.key, { ...row, answer: answerFromJson(row.answer) }]))
    })

    const loadOrders = Effect.fnUntraced(function* (ids: ReadonlyArray<OrderId>) {
      if (ids.length === 0) return new Map<OrderId, Order>()
      const rows = yield* sql<{ readonly state: string }>`
        SELECT state::text AS state FROM orders WHERE order_id = ANY(${ids}::text[]) ORDER BY order_id FOR UPDATE`
      return new Map(rows.map((row) => orderFromJson(row.state)).map((order) => [order.orderId, order]))
    })

    const loadStock = Effect.fnUntraced(function* (skus: ReadonlyArray<Sku>) {
      if (skus.length === 0) return new Map<Sku, number>()
      const rows = yield* sql<{ readonly sku: Sku; readonly available: bigint }>`
        SELECT sku, available FROM inventory WHERE sku = ANY(${skus}::text[]) ORDER BY sku FOR UPDATE`
      return new Map(rows.map((row) => [row.sku, Number(row.available)]))
    })

    const load = Effect.fnUntraced(function* (wanted: Wanted) {
      const answers = yield* loadAnswers(wanted.idempotencyKeys)
      const orders = yield* loadOrders(wanted.orderIds)
      const stock = yield* loadStock(wanted.skus)
      return { answers, orders, stock }
    })

    const insertOrders = (orders: ReadonlyArray<Order>) => sql`
      INSERT INTO orders (order_id, user_id, version, state)
      SELECT * FROM unnest(${orders.map((o) => o.orderId)}::text[], ${orders.map((o) => o.userId)}::text[],
        ${orders.map((o) => o.version)}::int[], ${orders.map(orderToJson)}::json[])`

    const updateOrders = (orders: ReadonlyArray<Order>) => sql`
      UPDATE orders o SET version = x.version, state = x.state
      FROM unnest(${orders.map((o) => o.orderId)}::text[], ${orders.map((o) => o.version)}::int[],
        ${orders.map(orderToJson)}::json[]) AS x(order_id, version, state)
      WHERE o.order_id = x.order_id`

    const takeStock = (reserved: ReadonlyArray<readonly [Sku, number]>) => sql`
      UPDATE inventory i SET available = i.available - x.units
      FROM unnest(${reserved.map(([sku]) => sku)}::text[], ${reserved.map(([, units]) => units)}::bigint[]) AS x(sku, units)
      WHERE i.sku = x.sku`

    const insertAnswers = (answers: ReadonlyArray<StoredAnswer>) => sql`
      INSERT INTO command_answer (key, fingerprint, answer)
      SELECT * FROM unnest(${answers.map((a) => a.key)}::text[], ${answers.map((a) => a.fingerprint)}::text[],
        ${answers.map((a) => answerToJson(a.answer))}::json[])`

    const save = Effect.fnUntraced(function* (changes: Changes) {
      if (changes.created.length > 0) yield* insertOrders(changes.created)
      if (changes.changed.length > 0) yield* updateOrders(changes.changed)
      if (changes.reserved.size > 0) yield* takeStock([...changes.reserved])
      if (changes.answers.length > 0) yield* insertAnswers(changes.answers)
    })

    const find = (orderId: OrderId) =>
      sql<{ readonly state: string }>`SELECT state::text AS state FROM orders WHERE order_id = ${orderId}`.pipe(
        Effect.map(([row]) => Option.map(Option.fromUndefinedOr(row), ({ state }) => orderFromJson(state)))
      )

    const ofUser = (userId: UserId, limit: number) =>
      sql<{ readonly state: string }>`
        SELECT state::text AS state FROM orders WHERE user_id = ${userId}
        ORDER BY created_at DESC LIMIT ${Math.min(limit, ordersListedMax)}`.pipe(
        Effect.map((rows) => rows.map((row) => orderFromJson(row.state)))
      )

    const setStock = (sku: Sku, available: number) =>
      sql`INSERT INTO inventory (sku, available) VALUES (${sku}, ${available})
        ON CONFLICT (sku) DO UPDATE SET available = excluded.available`.pipe(Effect.asVoid)

    const stock = (sku: Sku) =>
      sql<{ readonly available: bigint }>`SELECT available FROM inventory WHERE sku = ${sku}`.pipe(
        Effect.map(([row]) => Option.map(Option.fromUndefinedOr(row), ({ available }) => Number(available)))
      )

    const forgetAnswers = (olderThanSeconds: number) =>
      sql`DELETE FROM command_answer WHERE answered_at < clock_timestamp() - make_interval(secs => ${olderThanSeconds})
        RETURNING 1`.pipe(Effect.map((rows) => rows.length))

    return OrderStore.of({ load, save, find, ofUser, setStock, stock, forgetAnswers })
  })
)
