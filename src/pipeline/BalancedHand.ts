import { reasonUnreadable } from "./newerEvents.ts"
import { Effect, Result } from "effect"
import type { StoredEvent } from "./Envelope.ts"
import type { SharedDelivery, SharedSubscription } from "./EventLog.ts"
import { type LedgerCommit, noGeneration } from "./EventLedger.ts"
import type { Delivery, Handler } from "./Handler.ts"
import { deliveryOf } from "./Lanes.ts"
import { type ParkReason, reasonWithoutAttempt } from "./Parked.ts"
import { partitionOf, slotOf, type Topology } from "./Partition.ts"

/** What is to be done with an event. `pass`: not one of the handler's types. */
export type BalancedAction =
  | { readonly _tag: "run"; readonly delivery: Delivery<unknown> }
  | { readonly _tag: "pass" }
  | { readonly _tag: "park"; readonly reason: ParkReason }

/** An event in hand, from its delivery to its acknowledgement. */
export interface Held {
  /** As it came last: when it was published again, it has another sequence. */
  stored: StoredEvent
  readonly partition: number
  /** Of the consumer it came from last. */
  generation: number
  action: BalancedAction
  /** Whether a handler has seen it, whatever came of it. */
  tried: boolean
  /** Where it is acknowledged: where it came from last, and as what. */
  from: SharedSubscription
  deliveries: ReadonlyArray<SharedDelivery>
  /** How many doubts there had been when it came, and when the ledger was asked about it. */
  takenAt: number
  askedAt: number
}

/** Where events come from. */
export interface Source {
  readonly subscription: SharedSubscription
  readonly generation: number
}

/**
 * What one instance has in hand of a balanced handler. An event that comes again while it is in hand is one and the same,
 * also after the subscription was opened anew.
 */
export class BalancedHand {
  readonly #handler: Handler
  readonly #stream: string
  readonly #topology: () => Topology
  readonly #held = new Map<string, Held>()
  readonly #abandoned = new Set<Held>()
  #source: Source | undefined
  #doubts = 0

  constructor(handler: Handler, stream: string, topology: () => Topology) {
    this.#handler = handler
    this.#stream = stream
    this.#topology = topology
  }

  /** How often others may have got what is in hand. */
  get doubts(): number {
    return this.#doubts + (this.#source?.subscription.doubts() ?? 0)
  }

  doubt() {
    this.#doubts += 1
  }

  /** From now on events come from there: what is in hand already may come to others. */
  opened(source: Source) {
    this.#doubts = this.doubts + 1
    this.#source = source
  }

  /** Events that are worked on, or wait for it. */
  get busy() {
    return this.#held.size - this.#abandoned.size
  }

  /** Takes in what is new, and returns it. */
  take(deliveries: ReadonlyArray<SharedDelivery>, source: Source): ReadonlyArray<Held> {
    return deliveries.flatMap((delivery) => {
      const known = this.#held.get(placeOf(delivery.stored))
      if (known !== undefined) this.#comeAgain(known, delivery, source)
      return known === undefined ? [this.#add(delivery, source)] : []
    })
  }

  #add(delivery: SharedDelivery, { generation, subscription }: Source): Held {
    const { deliveries, stored } = delivery
    const held: Held = {
      stored,
      partition: partitionOf(slotOf(stored.key), this.#topology()),
      generation,
      action: actionOf(this.#handler, stored, deliveries),
      tried: false,
      from: subscription,
      deliveries: [delivery],
      takenAt: this.doubts,
      askedAt: this.doubts
    }
    this.#held.set(placeOf(stored), held)
    return held
  }

  // A newer consumer knows nothing of what the one before has delivered. One that delivers twice wants two answers, and may
  // have delivered it to somebody else in between.
  #comeAgain(known: Held, delivery: SharedDelivery, { generation, subscription }: Source) {
    const isSame = known.from === subscription
    known.deliveries = isSame ? [...known.deliveries, delivery] : [delivery]
    known.from = subscription
    known.stored = delivery.stored
    known.generation = generation
    this.doubt()
    known.takenAt = this.doubts
  }

  /** Whether its sequence may be another event's by now: others may have got it since it came. */
  isDoubted({ takenAt }: Held) {
    return takenAt !== this.doubts
  }

  /** What a commit of these writes, if it is written now: a doubt that comes later is not in it. */
  commitOf(some: ReadonlyArray<Held>): LedgerCommit {
    return {
      stream: this.#stream,
      handler: this.#handler.name,
      done: some.map((held) => ({
        stored: held.stored,
        partition: held.partition,
        generation: this.isDoubted(held) ? noGeneration : held.generation
      })),
      parked: some.flatMap(({ action, stored }) =>
        action._tag === "park" ? [{ event: stored, reason: action.reason, alone: true as const }] : []
      )
    }
  }

  /** They are committed. */
  done(some: ReadonlyArray<Held>): Effect.Effect<void> {
    for (const held of some) this.#held.delete(placeOf(held.stored))
    return answer(some, (subscription, deliveries) => subscription.acknowledge(deliveries))
  }

  /** Those of them that are still in hand. */
  held(some: ReadonlyArray<Held>): ReadonlyArray<Held> {
    return some.filter((one) => this.#held.get(placeOf(one.stored)) === one)
  }

  /** They were not begun, and will not be: given back in the end. */
  abandon(some: ReadonlyArray<Held>) {
    for (const held of some) this.#abandoned.add(held)
  }

  /** Gives back whatever is left. */
  readonly giveBack = Effect.suspend(() =>
    answer([...this.#held.values()], (subscription, deliveries) => subscription.giveBack(deliveries))
  )
}

const placeOf = ({ key, version }: StoredEvent) => `${version} ${key}`

const answer = (
  some: ReadonlyArray<Held>,
  how: (subscription: SharedSubscription, deliveries: ReadonlyArray<SharedDelivery>) => Effect.Effect<void>
) =>
  Effect.forEach(
    Map.groupBy(some, ({ from }) => from),
    ([subscription, held]) =>
      how(
        subscription,
        held.flatMap(({ deliveries }) => deliveries)
      ),
    { discard: true }
  )

/** Before the first attempt of its own: whoever had it was never heard of again, and may have been ended by it. */
const comesAgain: ParkReason = {
  ...reasonWithoutAttempt("Redelivered", "its instance was not heard of again; it is tried by itself"),
  attempts: 1,
  retryInMs: 0
}

const foreign = reasonWithoutAttempt("NotCommitted", "it was not written by the relay")

const actionOf = (handler: Handler, stored: StoredEvent, deliveries: number): BalancedAction => {
  if (stored.outboxId === 0) return { _tag: "park", reason: foreign }
  if (!handler.types.has(stored.type)) return { _tag: "pass" }
  if (deliveries > 1) return { _tag: "park", reason: comesAgain }
  return Result.match(handler.decode(stored), {
    onFailure: (error) => ({ _tag: "park", reason: reasonUnreadable(error) }),
    onSuccess: (event) => ({ _tag: "run", delivery: deliveryOf(handler, stored, event, 0) })
  })
}
