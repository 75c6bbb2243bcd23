import { Context, Duration, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { Email, OrderId, Sku, UserId } from "../../src/domain/Ids.ts"
import { Currency } from "../../src/domain/Money.ts"
import { CreateOrder } from "../../src/domain/OrderCommand.ts"
import { Intake } from "../../src/app/orders/Intake.ts"
import { OrderCommands } from "../../src/app/orders/OrderCommands.ts"
import { orderMigrations } from "../../src/app/orders/orderMigrations.ts"
import { OrderStore } from "../../src/app/orders/OrderStore.ts"
import * as PgOrderStore from "../../src/app/orders/PgOrderStore.ts"
import { migrate } from "../../src/infra/postgres/Migrations.ts"
import { infra } from "../Fixture.ts"
import { figureOf, inTurn, ratio, secondsOf } from "../Measure.ts"
import type { Row } from "../Row.ts"

const callers = 512

/** Many, so that one by one they do not wait for each other's stock. */
const skus = Array.from({ length: 1_000 }, (_, i) => Sku.make(`bench-${i}`))

const anySku = () => skus[Math.floor(Math.random() * skus.length)] ?? Sku.make("bench-0")

const order = () =>
  CreateOrder.make({
    orderId: OrderId.make(globalThis.crypto.randomUUID()),
    userId: UserId.make(`user-${Math.floor(Math.random() * 1_000)}`),
    email: Email.make("bench@example.com"),
    currency: Currency.make("EUR"),
    items: [{ sku: anySku(), quantity: 1, unitPrice: 4_999 }]
  })

export const commandsRow: Row = {
  number: 2,
  name: "commands",
  what: "order commands, many callers to a commit, beside a transaction for each",
  measure: Effect.fnUntraced(function* (size) {
    const services = yield* infra
    yield* Effect.provideContext(migrate("order_migrations", orderMigrations), services)
    const store = yield* Effect.provideContext(Layer.build(PgOrderStore.layer), services)
    const { setStock } = Context.get(store, OrderStore)
    yield* Effect.forEach(skus, (sku) => setStock(sku, 1_000_000_000), { concurrency: 8, discard: true })
    const intake = Intake.layer({ rowsMax: 100_000_000, ageMax: Duration.hours(24) })
    const commandsOf = (groupMax: number, groupsAtOnceMax: number) =>
      Layer.build(
        OrderCommands.layer({ waitingMax: 10_000, groupMax, groupsAtOnceMax }).pipe(Layer.provide(intake))
      ).pipe(
        Effect.map((built) => Context.get(built, OrderCommands)),
        Effect.provideContext(Context.merge(services, store))
      )
    const grouped = yield* commandsOf(500, 1)
    const alone = yield* commandsOf(1, 16)
    const rate = (commands: OrderCommands["Service"], count: number) =>
      secondsOf(
        Effect.forEach(
          Array.from({ length: count }),
          () => commands.execute({ command: order(), traceparent: "", idempotency: Option.none() }),
          { concurrency: callers, discard: true }
        )
      ).pipe(Effect.map((seconds) => count / seconds))
    const count = Math.round(20_000 * size.scale)
    const figures = yield* inTurn(
      [
        { name: "grouped", unit: "orders/s", run: () => rate(grouped, count) },
        { name: "one by one", unit: "orders/s", run: () => rate(alone, Math.round(count / 5)) }
      ],
      size
    )
    yield* Context.get(services, SqlClient.SqlClient)`DELETE FROM millrace.outbox WHERE stream = 'orders'`
    return {
      figures,
      verdicts: [ratio(figureOf(figures, "grouped"), figureOf(figures, "one by one"), 5)],
      settings: `${callers} callers, groups of at most 500, one at a time; one by one: 16 at a time`
    }
  })
}
