import { type Option, Schema } from "effect"
import type { OrderCommand } from "../../domain/OrderCommand.ts"

/** Tells a repetition of a request from another request. */
export interface Idempotency {
  readonly key: string
  /** The same for the same request, another for any other. */
  readonly fingerprint: string
}

/** A command on its way. */
export interface CommandRequest {
  readonly command: OrderCommand
  /** Of the request that caused it; recorded with its event. */
  readonly traceparent: string
  /** With a key, a repetition gets the first answer. */
  readonly idempotency: Option.Option<Idempotency>
}

/** The idempotency key was used before, for another request. */
export class IdempotencyKeyReused extends Schema.TaggedError<IdempotencyKeyReused>()("IdempotencyKeyReused", {
  key: Schema.String
}) {}

/**
 * The database did not take the command. Whether it did before its answer was lost is unknown; repeating it with an
 * idempotency key is safe.
 */
export class OrdersUnavailable extends Schema.TaggedError<OrdersUnavailable>()("OrdersUnavailable", {
  detail: Schema.String
}) {}

/** More commands wait than the service promises to finish soon. Nothing was done. */
export class OrdersOverloaded extends Schema.TaggedError<OrdersOverloaded>()("OrdersOverloaded", {
  waitingMax: Schema.Int
}) {}

/** So many events wait to be published that theirs would be late. Nothing was done. */
export class OrdersBacklogged extends Schema.TaggedError<OrdersBacklogged>()("OrdersBacklogged", {
  rows: Schema.Int,
  oldestSeconds: Schema.Int
}) {}

/** Everything an execution may end with besides an answer. */
export type CommandFailure = IdempotencyKeyReused | OrdersUnavailable | OrdersOverloaded | OrdersBacklogged
