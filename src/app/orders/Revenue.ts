import { Context, DateTime, Effect, Layer } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import type { OrderPaid } from "../../domain/OrderEvent.ts"
import type { Transactor } from "../../pipeline/Transactor.ts"
import { makeMemoryTable } from "./MemoryTable.ts"

/** What was sold of one SKU on one day. */
export interface RevenueLine {
  readonly sku: string
  readonly currency: string
  readonly units: number
  /** In minor units. */
  readonly amount: number
}

/** Lines shown of a day, at most. */
export const revenueLinesMax = 1_000

/** Payments of before payments named their items. */
export const unknownSku = "(unknown)"

/** Revenue by day and SKU: what was paid, on the day it was paid (UTC). */
export class Revenue extends Context.Service<
  Revenue,
  {
    /** Books payments, in any order. Once, because it runs in the transaction that enters them in the ledger. */
    readonly book: (payments: ReadonlyArray<OrderPaid>) => Effect.Effect<void, SqlError.SqlError>
    /** Of a day such as `2026-11-26`, the largest amounts first. */
    readonly of: (day: string) => Effect.Effect<ReadonlyArray<RevenueLine>, SqlError.SqlError>
  }
>()("millrace/app/orders/Revenue") {}

interface DailyLine extends RevenueLine {
  readonly day: string
}

/** The lines of a payment. */
const linesOf = ({ amount, currency, items, occurredAt }: OrderPaid): ReadonlyArray<DailyLine> => {
  const day = DateTime.formatIsoDateUtc(occurredAt)
  return items === undefined
    ? [{ day, currency, sku: unknownSku, units: 0, amount }]
    : items.map(({ quantity, sku, unitPrice }) => ({
        day,
        currency,
        sku,
        units: quantity,
        amount: quantity * unitPrice
      }))
}

/** Sums in Postgres: one statement per batch of payments. */
export const layer: Layer.Layer<Revenue, never, SqlClient.SqlClient> = Layer.effect(
  Revenue,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    return Revenue.of({
      // Sorted: batches of two instances with the same SKUs lock their rows in one sequence.
      book: (payments) => {
        const lines = payments.flatMap(linesOf)
        return sql`
          INSERT INTO daily_revenue AS r (day, sku, currency, units, amount)
          SELECT day::date, sku, currency, sum(units), sum(amount) FROM unnest(${lines.map((l) => l.day)}::text[],
            ${lines.map((l) => l.sku)}::text[], ${lines.map((l) => l.currency)}::text[],
            ${lines.map((l) => BigInt(l.units))}::bigint[], ${lines.map((l) => BigInt(l.amount))}::bigint[])
            AS x(day, sku, currency, units, amount) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
          ON CONFLICT (day, sku, currency) DO UPDATE SET units = r.units + excluded.units, amount = r.amount + excluded.amount`.pipe(
          Effect.asVoid
        )
      },
      of: (day) =>
        sql<{ readonly sku: string; readonly currency: string; readonly units: bigint; readonly amount: string }>`
          SELECT sku, currency, units, amount::text AS amount FROM daily_revenue WHERE day = ${day}::text::date
          ORDER BY daily_revenue.amount DESC, sku, currency LIMIT ${revenueLinesMax}::int`.pipe(
          Effect.map((rows) => rows.map((row) => ({ ...row, units: Number(row.units), amount: Number(row.amount) })))
        )
    })
  })
)

/** Sums in memory. */
export const layerMemory: Layer.Layer<Revenue, never, Transactor> = Layer.effect(
  Revenue,
  Effect.gen(function* () {
    const sums = yield* makeMemoryTable<string, DailyLine>()
    const add = (line: DailyLine) => {
      const at = JSON.stringify([line.day, line.sku, line.currency])
      const before = sums.rows.get(at) ?? { units: 0, amount: 0 }
      return sums.set(at, { ...line, units: before.units + line.units, amount: before.amount + line.amount })
    }
    return Revenue.of({
      book: (payments) => Effect.forEach(payments.flatMap(linesOf), add, { discard: true }),
      of: (day) =>
        Effect.sync(() =>
          [...sums.rows.values()]
            .filter((line) => line.day === day)
            .toSorted((a, b) => b.amount - a.amount || (a.sku < b.sku ? -1 : 1))
            .slice(0, revenueLinesMax)
            .map(({ amount, currency, sku, units }) => ({ sku, currency, units, amount }))
        )
    })
  })
)
