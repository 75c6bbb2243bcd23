import { Effect, Option, Schema } from "effect"
import { Argument, CliError, Command, Flag } from "effect/cli"
import { Email, OrderId, ShortText, UserId } from "../../domain/Ids.ts"
import { Amount, Currency } from "../../domain/Money.ts"
import { OrderItem } from "../../domain/OrderEvent.ts"
import { formatMoney } from "../effects/messages.ts"
import { OrderBody } from "../http/OrdersApi.ts"
import { ApiClient, withApi } from "./ApiClient.ts"
import { urlFlag } from "./urlFlag.ts"
import { commandFailed } from "./clientFailure.ts"
import { ownCommand } from "./CommandName.ts"
import { type OutputFormat, outputFlag, print } from "./Output.ts"

const orderId = Argument.String("order-id").pipe(Argument.withSchema(OrderId))

const currency = Flag.String("currency").pipe(Flag.withDefault("EUR"), Flag.withSchema(Currency))

const idempotencyKey = Flag.String("idempotency-key").pipe(
  Flag.withDescription("Repeating the command with the same key returns the first answer"),
  Flag.optional
)

const headersOf = (key: Option.Option<string>) => (Option.isSome(key) ? { "idempotency-key": key.value } : {})

// Split at the last two colons, because a SKU may hold some.
const partsOf = (text: string) => {
  const parts = text.split(":")
  return { sku: parts.slice(0, -2).join(":"), quantity: Number(parts.at(-2)), unitPrice: Number(parts.at(-1)) }
}

const itemOf = (text: string) =>
  Schema.decodeEffect(OrderItem)(partsOf(text)).pipe(
    Effect.mapError(
      (error) =>
        new CliError.InvalidValue({
          option: "item",
          value: text,
          expected: `SKU:QUANTITY:UNIT_PRICE (${error.message})`,
          kind: "flag"
        })
    )
  )

interface CommonOptions {
  readonly url: string
  readonly output: OutputFormat
}

const common = { url: urlFlag, output: outputFlag }

const show = <E>({ output, url }: CommonOptions, order: Effect.Effect<OrderBody, E, ApiClient>) =>
  order.pipe(
    withApi(url),
    Effect.mapError(commandFailed(url, ownCommand)),
    Effect.flatMap((body) => print(output, Schema.encodeSync(OrderBody)(body), textOf(body)))
  )

const textOf = (order: OrderBody): string => {
  const head = `order ${order.orderId} of ${order.userId}: ${order.status}, ${formatMoney(order.total, order.currency)}`
  const history = order.history?.map(
    (entry) => `  ${entry.version}  ${entry.type}  applied ${JSON.stringify(entry.appliedAt)}`
  )
  const parked = order.parked?.map(
    ({ events, handler, reason, status }) =>
      `  ${status} for ${handler} (${reason}): ${events} events of this user wait; see \`pnpm start parked show ${handler} …\``
  )
  return [head, ...(history ?? []), ...(parked ?? [])].join("\n")
}

const create = Command.make(
  "create",
  {
    ...common,
    idempotencyKey,
    orderId: Flag.String("order-id").pipe(
      Flag.withDescription("An id of your own; else one is given"),
      Flag.withSchema(OrderId),
      Flag.optional
    ),
    user: Flag.String("user").pipe(Flag.withSchema(UserId)),
    email: Flag.String("email").pipe(Flag.withSchema(Email)),
    currency,
    items: Flag.String("item").pipe(
      Flag.withMetavar("SKU:QUANTITY:UNIT_PRICE"),
      Flag.withDescription("A line of the order, price in minor units; may be given several times"),
      Flag.mapEffect(itemOf),
      Flag.atLeast(1)
    )
  },
  ({ currency: paidIn, email, idempotencyKey: key, items, orderId: id, user, ...options }) =>
    show(
      options,
      Effect.gen(function* () {
        const api = yield* ApiClient
        const [first, ...rest] = items
        if (first === undefined) return yield* new CliError.MissingOption({ option: "item" })
        const payload = {
          userId: user,
          email,
          currency: paidIn,
          items: [first, ...rest] as const,
          ...(Option.isSome(id) ? { orderId: id.value } : {})
        }
        return (yield* api.orders.create({ payload, headers: headersOf(key) })).body
      })
    )
).pipe(
  Command.withDescription("Create an order and reserve its stock"),
  Command.withExamples([
    {
      command: "pnpm start orders create --user ada --email ada@example.com --item lamp:1:4999",
      description: "One lamp at 49.99 EUR"
    }
  ])
)

const pay = Command.make(
  "pay",
  {
    ...common,
    idempotencyKey,
    orderId,
    amount: Flag.Int("amount").pipe(Flag.withDescription("In minor units"), Flag.withSchema(Amount)),
    currency
  },
  ({ amount, currency: paidIn, idempotencyKey: key, orderId: id, ...options }) =>
    show(
      options,
      Effect.flatMap(ApiClient, (api) =>
        api.orders.pay({ params: { orderId: id }, payload: { amount, currency: paidIn }, headers: headersOf(key) })
      )
    )
).pipe(
  Command.withDescription("Pay an order in full"),
  Command.withExamples([{ command: "pnpm start orders pay order-1 --amount 4999", description: "49.99 EUR" }])
)

const ship = Command.make(
  "ship",
  {
    ...common,
    idempotencyKey,
    orderId,
    carrier: Flag.String("carrier").pipe(Flag.withSchema(ShortText)),
    tracking: Flag.String("tracking").pipe(Flag.withSchema(ShortText))
  },
  ({ carrier, idempotencyKey: key, orderId: id, tracking, ...options }) =>
    show(
      options,
      Effect.flatMap(ApiClient, (api) =>
        api.orders.ship({
          params: { orderId: id },
          payload: { carrier, trackingNumber: tracking },
          headers: headersOf(key)
        })
      )
    )
).pipe(
  Command.withDescription("Hand a paid order to a carrier"),
  Command.withExamples([
    { command: "pnpm start orders ship order-1 --carrier DHL --tracking JD0146", description: "Shipped with DHL" }
  ])
)

const showOrder = Command.make(
  "show",
  {
    ...common,
    orderId,
    consistent: Flag.Boolean("consistent").pipe(
      Flag.withDescription("From the write side: up to date, but without the history"),
      Flag.withDefault(false)
    )
  },
  ({ consistent, orderId: id, ...options }) =>
    show(
      options,
      Effect.flatMap(ApiClient, (api) =>
        api.orders.show({ params: { orderId: id }, query: consistent ? { consistent: "true" } : {} })
      )
    )
).pipe(
  Command.withDescription("An order and what was applied to it"),
  Command.withExamples([{ command: "pnpm start orders show order-1 --output json", description: "As JSON" }])
)

/** `pnpm start orders create|pay|ship|show`. */
export const ordersCommand = Command.make("orders").pipe(
  Command.withDescription("Commands on orders, through a running pipeline"),
  Command.withSubcommands([create, pay, ship, showOrder])
)
