import { Context, type Effect, type Option, Schema } from "effect"
import type { SqlError } from "effect/sql"
import type { OrderId, Sku, UserId } from "../../domain/Ids.ts"
import { Order } from "../../domain/Order.ts"
import { OrderRejection } from "../../domain/OrderRejection.ts"

/** What a command was answered: the order after it, or why it was refused. */
export const CommandAnswer = Schema.Union([
  Schema.TaggedStruct("Accepted", { order: Order }),
  Schema.TaggedStruct("Rejected", { rejection: OrderRejection })
])
export type CommandAnswer = typeof CommandAnswer.Type

/** The first answer to a command that came with an idempotency key. */
export interface StoredAnswer {
  readonly key: string
  /** Of the request, to tell a repetition from another request under the same key. */
  readonly fingerprint: string
  readonly answer: CommandAnswer
}

/** What a group of commands looks at. */
export interface Wanted {
  readonly orderIds: ReadonlyArray<OrderId>
  readonly skus: ReadonlyArray<Sku>
  readonly idempotencyKeys: ReadonlyArray<string>
}

/** What is there of it. Unknown orders, SKUs and keys are missing from the maps. */
export interface Loaded {
  readonly orders: ReadonlyMap<OrderId, Order>
  readonly stock: ReadonlyMap<Sku, number>
  readonly answers: ReadonlyMap<string, StoredAnswer>
}

/** What a group of commands changed. */
export interface Changes {
  readonly created: ReadonlyArray<Order>
  readonly changed: ReadonlyArray<Order>
  readonly reserved: ReadonlyMap<Sku, number>
  readonly answers: ReadonlyArray<StoredAnswer>
}

/** Most orders one look-up returns, newest first. */
export const ordersListedMax = 1_000

/**
 * The write side: orders, inventory, and the first answers to repeated commands.
 *
 * Guarantees: `load` locks the orders and SKUs it returns until the transaction ends, always in the same sequence
 * (orders, then SKUs, each sorted), so groups wait for each other instead of deadlocking; `save` fails as a whole when
 * stock would go below zero, or when another transaction answered one of its idempotency keys meanwhile.
 */
export class OrderStore extends Context.Service<
  OrderStore,
  {
    readonly load: (wanted: Wanted) => Effect.Effect<Loaded, SqlError.SqlError>
    readonly save: (changes: Changes) => Effect.Effect<void, SqlError.SqlError>
    readonly find: (orderId: OrderId) => Effect.Effect<Option.Option<Order>, SqlError.SqlError>
    readonly ofUser: (userId: UserId, limit: number) => Effect.Effect<ReadonlyArray<Order>, SqlError.SqlError>
    readonly setStock: (sku: Sku, available: number) => Effect.Effect<void, SqlError.SqlError>
    readonly stock: (sku: Sku) => Effect.Effect<Option.Option<number>, SqlError.SqlError>
    /** Forgets answers older than this. Returns how many. */
    readonly forgetAnswers: (olderThanSeconds: number) => Effect.Effect<number, SqlError.SqlError>
  }
>()("millrace/app/orders/OrderStore") {}
