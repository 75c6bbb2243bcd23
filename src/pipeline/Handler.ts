import { Array as Arr, Duration, Effect, type Result } from "effect"
import type { StoredEvent } from "./Envelope.ts"
import type { EventOf, EventSchemas, EventStream } from "./EventStream.ts"
import { breakerDefault, type BreakerPolicy } from "./HandlerBreaker.ts"
import type { Unreadable } from "./PipelineError.ts"
import { type RetryPolicy, retryPolicyDefault } from "./RetryPolicy.ts"
import type { RateLimit } from "./Throttle.ts"

/** One event in a handler's hands, with what identifies it: the same in every attempt but for `attempt`. */
export interface Delivery<out Event> {
  readonly event: Event
  readonly eventId: string
  readonly type: string
  readonly key: string
  /** The key's version: 1, 2, 3 … without gaps. */
  readonly version: number
  /** 1 on the first try. */
  readonly attempt: number
  /** `handler:eventId:generation`: the same for every attempt; hand it to whoever can refuse a repetition. */
  readonly idempotencyKey: string
  readonly traceparent: string
}

/**
 * A named consumer of a stream. It sees every event of its types; an `ordered` one per key in commit order, a `balanced`
 * one in any order.
 *
 * Delivery semantics: `transactional` effects run inside the transaction that records the progress, so they happen
 * exactly once; keep them to the database. `external` effects run outside, at least once, under a stable idempotency
 * key, several keys at a time.
 */
export interface Handler<out E = unknown, out R = never> {
  readonly name: string
  readonly mode: "transactional" | "external"
  readonly delivery: "ordered" | "balanced"
  readonly types: ReadonlySet<string>
  readonly retry: RetryPolicy
  /** External only: when its downstream counts as down. Undefined: never. */
  readonly breaker: BreakerPolicy | undefined
  /** External only: whether the effect of a delivery has happened already. Undefined: it cannot say. */
  readonly confirm: ((delivery: Delivery<unknown>) => Effect.Effect<boolean, E, R>) | undefined
  /** How long the notes of confirmed effects are kept. */
  readonly effectsKeptFor: Duration.Duration
  /** Undefined: as fast as it can. */
  readonly rate: RateLimit | undefined
  /** External only: keys (events, when it is balanced) handled at the same time by one instance, over all its partitions. */
  readonly keysAtOnceMax: number
  readonly decode: (stored: StoredEvent) => Result.Result<unknown, Unreadable>
  readonly run: (deliveries: ReadonlyArray<Delivery<unknown>>) => Effect.Effect<void, E, R>
}

/**
 * What every handler may be made with: all event types, `retryPolicyDefault` and no limit of its rate unless said otherwise.
 */
export interface HandlerOptions<Type, E> {
  /** The event types it wants; the others pass it by, in order. All types when left out. */
  readonly on?: ReadonlyArray<Type>
  readonly retry?: RetryPolicy<E>
  /** Events a time, per instance. */
  readonly rate?: RateLimit
}

/**
 * What an external handler may be made with besides: how it asks, how many keys at a time, and when its downstream counts as down.
 */
export interface ExternalOptions<Type, E, Event = never, R = never> extends HandlerOptions<Type, E> {
  /**
   * "Did you already do this?": asked before an effect that was begun earlier is made again, after a crash or a failed
   * attempt. True: it is left out. With it every effect is noted before and after.
   */
  readonly confirm?: (delivery: Delivery<Event>) => Effect.Effect<boolean, E, R>
  /** How long those notes are kept; 7 days unless said otherwise. */
  readonly effectsKeptFor?: Duration.Duration
  /** Keys handled at the same time by one instance. */
  readonly keysAtOnceMax?: number
  /** `breakerDefault` unless said otherwise. Its attempts while it is open are not held against an event. */
  readonly breaker?: BreakerPolicy | "none"
}

/** Keys an external handler works on at the same time, per instance, unless it says otherwise. */
export const keysAtOnceDefaultMax = 64

const effectsKeptDefault = Duration.days(7)

/**
 * A handler whose effects are in the database: one event at a time, inside the transaction that records its progress.
 *
 * Delivery semantics: exactly once, per key in commit order. A failure rolls back, and is retried by the policy; in the end its
 * key is parked. It must not wait for anything outside the database: a transaction that idles for 2 s is ended.
 *
 * ```ts
 * import { PgClient } from "@effect/sql-pg"
 * import { Effect } from "effect"
 * import { Handler } from "millrace"
 * import { Accounts } from "./accounts.ts"
 *
 * const balance = Handler.transactional(Accounts, "balance", {}, ({ event: { _tag, account, cents } }) =>
 *   Effect.flatMap(
 *     PgClient.PgClient,
 *     (sql) => sql`UPDATE balance SET cents = cents + ${_tag === "Deposited" ? cents : -cents} WHERE id = ${account}`
 *   )
 * )
 * ```
 */
export const transactional = <
  Events extends EventSchemas,
  E,
  R,
  Type extends keyof Events & string = keyof Events & string
>(
  stream: EventStream<Events>,
  name: string,
  options: HandlerOptions<Type, E>,
  handle: (delivery: Delivery<EventOf<Events, Type>>) => Effect.Effect<void, E, R>
): Handler<E, R> =>
  transactionalBatch(stream, name, options, (deliveries) => Effect.forEach(deliveries, handle, { discard: true }))

/**
 * The same for handlers that can write many events with one statement: it is given up to 200 events at a time, those of
 * a key in order. When it fails, the batch is split until the failing key stands alone.
 *
 * ```ts
 * import { PgClient } from "@effect/sql-pg"
 * import { Array, Effect } from "effect"
 * import { Handler } from "millrace"
 * import { Accounts } from "./accounts.ts"
 *
 * const journal = Handler.transactionalBatch(Accounts, "journal", {}, (deliveries) =>
 *   Effect.flatMap(PgClient.PgClient, (sql) => {
 *     const rows = Array.map(deliveries, ({ event, key, version }) => ({ account: key, version, cents: event.cents }))
 *     return sql`INSERT INTO journal ${sql.insert(rows)}`
 *   })
 * )
 * ```
 */
export const transactionalBatch = <
  Events extends EventSchemas,
  E,
  R,
  Type extends keyof Events & string = keyof Events & string
>(
  stream: EventStream<Events>,
  name: string,
  options: HandlerOptions<Type, E>,
  handle: (deliveries: Arr.NonEmptyReadonlyArray<Delivery<EventOf<Events, Type>>>) => Effect.Effect<void, E, R>
): Handler<E, R> =>
  make(stream, name, options, "transactional", (deliveries) =>
    Arr.isReadonlyArrayNonEmpty(deliveries) ? handle(deliveries) : Effect.void
  )

/**
 * A handler whose effects are elsewhere (mail, HTTP): at least once, under `delivery.idempotencyKey`.
 *
 * Delivery semantics: per key in commit order; `keysAtOnceMax` keys at a time, one event of a key at a time. After a crash, or when an
 * answer was lost, the same event comes again under the same idempotency key: hand it on, or say with `confirm` what has happened.
 *
 * ```ts
 * import { Duration, Effect, Schema } from "effect"
 * import { HttpBody, HttpClient } from "effect/http"
 * import { Handler, RetryPolicy } from "millrace"
 * import { Accounts } from "./accounts.ts"
 *
 * class NotTaken extends Schema.TaggedError<NotTaken>()("NotTaken", { status: Schema.Int }) {}
 *
 * const retry = RetryPolicy.retryPolicy({
 *   attemptsMax: 5,
 *   delayMax: Duration.seconds(10),
 *   attemptTimeout: Duration.seconds(3)
 * })
 * const notice = Handler.external(Accounts, "notice", { on: ["withdrawn"], retry }, ({ event, idempotencyKey }) =>
 *   Effect.gen(function* () {
 *     const headers = { "idempotency-key": idempotencyKey }
 *     const body = HttpBody.jsonUnsafe(event)
 *     const { status } = yield* HttpClient.post("https://bank.example/notices", { body, headers })
 *     if (status >= 400) return yield* new NotTaken({ status })
 *   })
 * )
 * ```
 */
export const external = <Events extends EventSchemas, E, R, Type extends keyof Events & string = keyof Events & string>(
  stream: EventStream<Events>,
  name: string,
  options: ExternalOptions<Type, E, EventOf<Events, Type>, R>,
  handle: (delivery: Delivery<EventOf<Events, Type>>) => Effect.Effect<void, E, R>
): Handler<E, R> => {
  const { breaker = breakerDefault, confirm, keysAtOnceMax = keysAtOnceDefaultMax } = options
  const { effectsKeptFor = effectsKeptDefault } = options
  return {
    ...make(stream, name, options, "external", (deliveries) => Effect.forEach(deliveries, handle, { discard: true })),
    keysAtOnceMax,
    effectsKeptFor,
    confirm: confirm && ((delivery) => confirm(trusted(delivery))),
    breaker: breaker === "none" ? undefined : breaker
  }
}

/**
 * The same handler without an order: any instance takes any event, as many at a time as there are instances, and an event
 * that fails is put aside alone, with nothing behind it. For effects that do not depend on each other, such as sums.
 *
 * Delivery semantics: as the handler's own, and each event is still handled once; its name is balanced for good.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Handler } from "millrace"
 * import { Accounts } from "./accounts.ts"
 *
 * const turnover = Handler.balanced(
 *   Handler.transactional(Accounts, "turnover", {}, ({ event }) => Effect.logDebug(event.cents))
 * )
 * ```
 */
export const balanced = <E, R>(handler: Handler<E, R>): Handler<E, R> => ({ ...handler, delivery: "balanced" })

const make = <Events extends EventSchemas, E, R, Type extends keyof Events & string>(
  stream: EventStream<Events>,
  name: string,
  options: HandlerOptions<Type, E>,
  mode: Handler["mode"],
  handle: (deliveries: ReadonlyArray<Delivery<EventOf<Events, Type>>>) => Effect.Effect<void, E, R>
): Handler<E, R> => {
  const types: ReadonlySet<string> = new Set(options.on ?? stream.types)
  return {
    name,
    mode,
    delivery: "ordered",
    types,
    // The engine classifies only what `run` failed with, and that is an E.
    retry: (options.retry ?? retryPolicyDefault) as RetryPolicy,
    rate: options.rate,
    breaker: undefined,
    confirm: undefined,
    effectsKeptFor: effectsKeptDefault,
    keysAtOnceMax: keysAtOnceDefaultMax,
    decode: (stored) => stream.decode(stored.type, stored.payload),
    run: (deliveries) => handle(trusted(deliveries))
  }
}

// The engine hands over only what `decode` above returned, of the types in `types`.
const trusted = <A>(deliveries: unknown): A => deliveries as A
