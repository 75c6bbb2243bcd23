import type { OrderCreated, OrderEvent, OrderPaid, OrderShipped } from "../../domain/OrderEvent.ts"

// Building a formatter costs more than everything else about a message, so each currency is looked up once.
const digitsByCurrency = new Map<string, number>()

const digitsOf = (currency: string): number => {
  const known = digitsByCurrency.get(currency)
  if (known !== undefined) return known
  const digits =
    new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2
  digitsByCurrency.set(currency, digits)
  return digits
}

/** An amount as people read it: `12.50 EUR`. Minor units per currency are the runtime's own data. */
export const formatMoney = (amount: number, currency: string): string => {
  const digits = digitsOf(currency)
  return `${(amount / 10 ** digits).toFixed(digits)} ${currency}`
}

/** One sentence about an event, for a notification. */
export const sentenceOf = (event: OrderEvent): string => {
  switch (event._tag) {
    case "OrderCreated":
      return `Your order ${event.orderId} was received: ${formatMoney(event.total, event.currency)}.`
    case "OrderPaid":
      return `Your payment of ${formatMoney(event.amount, event.currency)} for order ${event.orderId} has arrived.`
    case "OrderShipped":
      return `Your order ${event.orderId} is on its way with ${event.carrier}, tracking number ${event.trackingNumber}.`
  }
}

/** A mail before it is addressed. */
export interface MailText {
  readonly subject: string
  readonly text: string
}

/** The mail that confirms an order or announces its shipping. */
export const mailOf = (event: OrderCreated | OrderShipped): MailText =>
  event._tag === "OrderCreated"
    ? { subject: `Order ${event.orderId} confirmed`, text: confirmation(event) }
    : { subject: `Order ${event.orderId} shipped`, text: `${sentenceOf(event)}\n` }

const confirmation = (event: OrderCreated): string => {
  const lines = event.items.map(
    (item) => `  ${item.quantity} x ${item.sku} at ${formatMoney(item.unitPrice, event.currency)}`
  )
  return [sentenceOf(event), "", ...lines, "", `Total: ${formatMoney(event.total, event.currency)}`, ""].join("\n")
}

/** The event types a notification can be about. */
export type Notified = OrderCreated | OrderPaid | OrderShipped
