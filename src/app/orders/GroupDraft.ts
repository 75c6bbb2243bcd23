import { Option, Result } from "effect"
import type { OrderId, Sku } from "../../domain/Ids.ts"
import type { Order } from "../../domain/Order.ts"
import { unitsBySku } from "../../domain/OrderDecision.ts"
import type { OrderEvent } from "../../domain/OrderEvent.ts"
import type { OrderRejection } from "../../domain/OrderRejection.ts"
import { type CommandRequest, IdempotencyKeyReused } from "./CommandRequest.ts"
import type { Changes, CommandAnswer, Loaded, StoredAnswer, Wanted } from "./OrderStore.ts"

/** What a group of requests has to load before it can be decided. */
export const wantedBy = (requests: ReadonlyArray<CommandRequest>): Wanted => ({
  orderIds: [...new Set(requests.map(({ command }) => command.orderId))],
  skus: [
    ...new Set(
      requests.flatMap(({ command }) => (command._tag === "CreateOrder" ? [...unitsBySku(command.items).keys()] : []))
    )
  ],
  idempotencyKeys: [
    ...new Set(requests.flatMap(({ idempotency }) => (Option.isSome(idempotency) ? [idempotency.value.key] : [])))
  ]
})

/** An accepted command: what happened, what it takes out of stock, and the order after it. */
export interface Accepted {
  readonly event: OrderEvent
  readonly reserved: ReadonlyMap<Sku, number>
  readonly order: Order
}

/**
 * The state of a group while its commands are decided one after the other, each on what the ones before it left; and
 * what has to be written for it in the end. Used by one fiber.
 */
export class GroupDraft {
  readonly answers: Array<Result.Result<CommandAnswer, IdempotencyKeyReused>> = []
  readonly events: Array<OrderEvent> = []
  readonly traceparents: Array<string> = []
  readonly stock: Map<Sku, number>
  readonly #orders: Map<OrderId, Order>
  readonly #existing: ReadonlySet<OrderId>
  readonly #touched = new Set<OrderId>()
  readonly #reserved = new Map<Sku, number>()
  readonly #known: Map<string, StoredAnswer>
  readonly #fresh: Array<StoredAnswer> = []

  constructor(loaded: Loaded) {
    this.stock = new Map(loaded.stock)
    this.#orders = new Map(loaded.orders)
    this.#existing = new Set(loaded.orders.keys())
    this.#known = new Map(loaded.answers)
  }

  order(orderId: OrderId): Option.Option<Order> {
    return Option.fromUndefinedOr(this.#orders.get(orderId))
  }

  /** Answers a repetition with the first answer. False when this is the first time. */
  repeat({ idempotency }: CommandRequest): boolean {
    const known = Option.isSome(idempotency) ? this.#known.get(idempotency.value.key) : undefined
    if (known === undefined || Option.isNone(idempotency)) return false
    const same = known.fingerprint === idempotency.value.fingerprint
    this.answers.push(same ? Result.succeed(known.answer) : Result.fail(new IdempotencyKeyReused({ key: known.key })))
    return true
  }

  reject(request: CommandRequest, rejection: OrderRejection) {
    this.#answer(request, { _tag: "Rejected", rejection })
  }

  accept(request: CommandRequest, { event, order, reserved }: Accepted) {
    this.events.push(event)
    this.traceparents.push(request.traceparent)
    this.#orders.set(order.orderId, order)
    this.#touched.add(order.orderId)
    for (const [sku, units] of reserved) {
      this.stock.set(sku, (this.stock.get(sku) ?? 0) - units)
      this.#reserved.set(sku, (this.#reserved.get(sku) ?? 0) + units)
    }
    this.#answer(request, { _tag: "Accepted", order })
  }

  changes(): Changes {
    const touched = [...this.#touched].flatMap((id) => this.#orders.get(id) ?? [])
    return {
      created: touched.filter((order) => !this.#existing.has(order.orderId)),
      changed: touched.filter((order) => this.#existing.has(order.orderId)),
      reserved: this.#reserved,
      answers: this.#fresh
    }
  }

  #answer({ idempotency }: CommandRequest, answer: CommandAnswer) {
    this.answers.push(Result.succeed(answer))
    if (Option.isNone(idempotency)) return
    const stored = { ...idempotency.value, answer }
    this.#known.set(stored.key, stored)
    this.#fresh.push(stored)
  }
}
