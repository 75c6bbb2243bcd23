import { Option } from "effect"
import type { OrderId } from "../../domain/Ids.ts"
import { evolve, type Order } from "../../domain/Order.ts"
import type { OrderEvent } from "../../domain/OrderEvent.ts"

/** The states that these events, in order, make of the known ones. Pure; only orders that are touched are returned. */
export const foldOrders = (
  known: ReadonlyMap<OrderId, Order>,
  events: ReadonlyArray<OrderEvent>
): ReadonlyMap<OrderId, Order> => {
  const states = new Map<OrderId, Order>()
  for (const event of events) {
    const before = Option.fromUndefinedOr(states.get(event.orderId) ?? known.get(event.orderId))
    Option.map(evolve(before, event), (after) => states.set(event.orderId, after))
  }
  return states
}
