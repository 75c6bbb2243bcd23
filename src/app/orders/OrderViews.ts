import { Context, type DateTime, type Effect, type Option } from "effect"
import type { SqlError } from "effect/sql"
import type { OrderId, UserId } from "../../domain/Ids.ts"
import type { Order } from "../../domain/Order.ts"
import type { OrderEvent } from "../../domain/OrderEvent.ts"
import type { Delivery } from "../../pipeline/Handler.ts"

/** One event as the read model applied it. */
export interface HistoryEntry {
  /** Grows with every event the read model applied, over all orders: who has the smaller one was applied first. */
  readonly position: number
  readonly type: string
  readonly eventId: string
  /** The user's version: 1, 2, 3 … over all of the user's orders. */
  readonly version: number
  readonly occurredAt: DateTime.Utc
  readonly appliedAt: DateTime.Utc
}

/** An order as its readers see it, with everything that was applied to it, in the order it was applied. */
export interface OrderView {
  readonly order: Order
  readonly history: ReadonlyArray<HistoryEntry>
}

/** The read model: orders rebuilt from their events, behind the write side by milliseconds. */
export class OrderViews extends Context.Service<
  OrderViews,
  {
    /** Applies events in order. Exactly once, because it runs in the transaction that records the progress. */
    readonly apply: (deliveries: ReadonlyArray<Delivery<OrderEvent>>) => Effect.Effect<void, SqlError.SqlError>
    readonly find: (orderId: OrderId) => Effect.Effect<Option.Option<OrderView>, SqlError.SqlError>
    /** Newest first, at most `ordersListedMax`. */
    readonly ofUser: (userId: UserId, limit: number) => Effect.Effect<ReadonlyArray<OrderView>, SqlError.SqlError>
  }
>()("millrace/app/orders/OrderViews") {}
