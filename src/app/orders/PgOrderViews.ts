import { DateTime, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import type { OrderId, UserId } from "../../domain/Ids.ts"
import type { OrderEvent } from "../../domain/OrderEvent.ts"
import type { Delivery } from "../../pipeline/Handler.ts"
import { foldOrders } from "./foldOrders.ts"
import { orderFromJson, orderToJson } from "./orderJson.ts"
import { ordersListedMax } from "./OrderStore.ts"
import { type HistoryEntry, type OrderView, OrderViews } from "./OrderViews.ts"

interface HistoryRow {
  readonly n: bigint
  readonly order_id: string
  readonly type: string
  readonly event_id: string
  readonly version: bigint
  readonly occurred_at: Date
  readonly applied_at: Date
}

/** The read model in Postgres: two statements per batch of events. */
export const layer: Layer.Layer<OrderViews, never, SqlClient.SqlClient> = Layer.effect(
  OrderViews,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient

    const statesOf = (ids: ReadonlyArray<OrderId>) =>
      sql<{
        readonly state: string
      }>`SELECT state::text AS state FROM order_view WHERE order_id = ANY(${ids}::text[])`.pipe(
        Effect.map((rows) => rows.map((row) => orderFromJson(row.state)))
      )

    const apply = Effect.fnUntraced(function* (deliveries: ReadonlyArray<Delivery<OrderEvent>>) {
      const events = deliveries.map((delivery) => delivery.event)
      const known = yield* statesOf([...new Set(events.map((event) => event.orderId))])
      const states = [...foldOrders(new Map(known.map((order) => [order.orderId, order])), events).values()]
      yield* sql`
        WITH viewed AS (
          INSERT INTO order_view (order_id, user_id, state)
          SELECT * FROM unnest(${states.map((o) => o.orderId)}::text[], ${states.map((o) => o.userId)}::text[],
            ${states.map(orderToJson)}::json[])
          ON CONFLICT (order_id) DO UPDATE SET state = excluded.state
        )
        INSERT INTO order_history (order_id, type, event_id, version, occurred_at)
        SELECT order_id, type, event_id, version, occurred_at FROM unnest(${events.map((e) => e.orderId)}::text[],
          ${deliveries.map((d) => d.type)}::text[], ${deliveries.map((d) => d.eventId)}::uuid[],
          ${deliveries.map((d) => BigInt(d.version))}::bigint[],
          ${events.map((e) => DateTime.formatIso(e.occurredAt))}::timestamptz[])
          WITH ORDINALITY AS x(order_id, type, event_id, version, occurred_at, i) ORDER BY i`
    })

    const withHistory = Effect.fnUntraced(function* (states: ReadonlyArray<string>) {
      const orders = states.map((state) => orderFromJson(state))
      if (orders.length === 0) return []
      const rows = yield* sql<HistoryRow>`
        SELECT n, order_id, type, event_id, version, occurred_at, applied_at FROM order_history
        WHERE order_id = ANY(${orders.map((order) => order.orderId)}::text[]) ORDER BY n`
      const byOrder = Map.groupBy(rows, (row) => row.order_id)
      return orders.map((order): OrderView => ({ order, history: (byOrder.get(order.orderId) ?? []).map(entryOf) }))
    })

    const find = (orderId: OrderId) =>
      sql<{ readonly state: string }>`SELECT state::text AS state FROM order_view WHERE order_id = ${orderId}`.pipe(
        Effect.flatMap((rows) => withHistory(rows.map((row) => row.state))),
        Effect.map(([view]) => Option.fromUndefinedOr(view))
      )

    const ofUser = (userId: UserId, limit: number) =>
      sql<{ readonly state: string }>`
        SELECT state::text AS state FROM order_view WHERE user_id = ${userId}
        ORDER BY created_at DESC LIMIT ${Math.min(limit, ordersListedMax)}`.pipe(
        Effect.flatMap((rows) => withHistory(rows.map((row) => row.state)))
      )

    return OrderViews.of({ apply, find, ofUser })
  })
)

const entryOf = (row: HistoryRow): HistoryEntry => ({
  position: Number(row.n),
  type: row.type,
  eventId: row.event_id,
  version: Number(row.version),
  occurredAt: DateTime.fromDateUnsafe(row.occurred_at),
  appliedAt: DateTime.fromDateUnsafe(row.applied_at)
})
