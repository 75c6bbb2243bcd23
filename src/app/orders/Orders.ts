import { OrderCreated, OrderPaid, OrderShipped } from "../../domain/OrderEvent.ts"
import * as EventStream from "../../pipeline/EventStream.ts"

/** The order app's stream: everything that happens to orders, ordered per user. */
export const Orders = EventStream.make("orders", {
  subject: "order",
  events: { created: OrderCreated, paid: OrderPaid, shipped: OrderShipped },
  key: (event) => event.userId
})
