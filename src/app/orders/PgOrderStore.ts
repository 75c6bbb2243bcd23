import { Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import type { OrderId, Sku, UserId } from "../../domain/Ids.ts"
import { answerFromJson, answerToJson, orderFromJson, orderToJson } from "./orderJson.ts"
import { type Changes, type Loaded, OrderStore, ordersListedMax, type StoredAnswer, type Wanted } from "./OrderStore.ts"

type LoadedRow =
  | { readonly kind: "order"; readonly text: string }
  | { readonly kind: "stock"; readonly key: Sku; readonly units: bigint }
  | AnswerRow

interface AnswerRow {
  readonly kind: "answer"
  readonly key: string
  readonly text: string
  readonly fingerprint: string
}

const answerOf = ({ fingerprint, key, text }: AnswerRow): StoredAnswer => ({
  key,
  fingerprint,
  answer: answerFromJson(text)
})

// Orders before SKUs, each sorted: the branches of a UNION ALL run one after the other. Answers are not locked: a
// first request and its repetition that are under way together collide on the key when they are saved.
const load = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* ({ idempotencyKeys, orderIds, skus }: Wanted) {
    const rows = yield* sql<LoadedRow>`
    SELECT 'order' AS kind, NULL AS key, state AS text, NULL::bigint AS units, NULL AS fingerprint FROM (
      SELECT state::text AS state FROM orders WHERE order_id = ANY(${orderIds}::text[]) ORDER BY order_id FOR UPDATE
    ) AS locked_orders
    UNION ALL
    SELECT 'stock', sku, NULL, available, NULL FROM (
      SELECT sku, available FROM inventory WHERE sku = ANY(${skus}::text[]) ORDER BY sku FOR UPDATE
    ) AS locked_inventory
    UNION ALL
    SELECT 'answer', key, answer::text, NULL, fingerprint FROM command_answer WHERE key = ANY(${idempotencyKeys}::text[])`
    const orders = rows.flatMap((row) => (row.kind === "order" ? [orderFromJson(row.text)] : []))
    const stock = rows.flatMap((row) => (row.kind === "stock" ? [[row.key, Number(row.units)] as const] : []))
    const answers = rows.flatMap((row) => (row.kind === "answer" ? [answerOf(row)] : []))
    return {
      orders: new Map(orders.map((order) => [order.orderId, order])),
      stock: new Map(stock),
      answers: new Map(answers.map((answer) => [answer.key, answer]))
    } satisfies Loaded
  })

const save =
  (sql: SqlClient.SqlClient) =>
  ({ answers, changed, created, reserved }: Changes) =>
    sql`
  WITH inserted AS (
    INSERT INTO orders (order_id, user_id, version, state)
    SELECT * FROM unnest(${created.map((o) => o.orderId)}::text[], ${created.map((o) => o.userId)}::text[],
      ${created.map((o) => o.version)}::int[], ${created.map(orderToJson)}::json[])
  ), updated AS (
    UPDATE orders o SET version = x.version, state = x.state
    FROM unnest(${changed.map((o) => o.orderId)}::text[], ${changed.map((o) => o.version)}::int[],
      ${changed.map(orderToJson)}::json[]) AS x(order_id, version, state)
    WHERE o.order_id = x.order_id
  ), taken AS (
    UPDATE inventory i SET available = i.available - x.units
    FROM unnest(${[...reserved.keys()]}::text[], ${[...reserved.values()]}::bigint[]) AS x(sku, units)
    WHERE i.sku = x.sku
  )
  INSERT INTO command_answer (key, fingerprint, answer)
  SELECT * FROM unnest(${answers.map((a) => a.key)}::text[], ${answers.map((a) => a.fingerprint)}::text[],
    ${answers.map((a) => answerToJson(a.answer))}::json[])`.pipe(Effect.asVoid)

const find = (sql: SqlClient.SqlClient) => (orderId: OrderId) =>
  sql<{ readonly state: string }>`SELECT state::text AS state FROM orders WHERE order_id = ${orderId}`.pipe(
    Effect.map(([row]) => Option.map(Option.fromUndefinedOr(row), ({ state }) => orderFromJson(state)))
  )

const ofUser = (sql: SqlClient.SqlClient) => (userId: UserId, limit: number) =>
  sql<{ readonly state: string }>`
    SELECT state::text AS state FROM orders WHERE user_id = ${userId}
    ORDER BY created_at DESC LIMIT ${Math.min(limit, ordersListedMax)}`.pipe(
    Effect.map((rows) => rows.map((row) => orderFromJson(row.state)))
  )

const setStock = (sql: SqlClient.SqlClient) => (sku: Sku, available: number) =>
  sql`INSERT INTO inventory (sku, available) VALUES (${sku}, ${available})
    ON CONFLICT (sku) DO UPDATE SET available = excluded.available`.pipe(Effect.asVoid)

const stock = (sql: SqlClient.SqlClient) => (sku: Sku) =>
  sql<{ readonly available: bigint }>`SELECT available FROM inventory WHERE sku = ${sku}`.pipe(
    Effect.map(([row]) => Option.map(Option.fromUndefinedOr(row), ({ available }) => Number(available)))
  )

const forgetAnswers = (sql: SqlClient.SqlClient) => (olderThanSeconds: number) =>
  sql`DELETE FROM command_answer WHERE answered_at < clock_timestamp() - make_interval(secs => ${olderThanSeconds})
    RETURNING 1`.pipe(Effect.map((rows) => rows.length))

/** The write side in Postgres: a fixed number of statements per group, whatever its size. */
export const layer: Layer.Layer<OrderStore, never, SqlClient.SqlClient> = Layer.effect(
  OrderStore,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient

    return OrderStore.of({
      load: load(sql),
      save: save(sql),
      find: find(sql),
      ofUser: ofUser(sql),
      setStock: setStock(sql),
      stock: stock(sql),
      forgetAnswers: forgetAnswers(sql)
    })
  })
)
