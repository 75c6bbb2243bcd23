import { Context, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { Transactor } from "../../src/pipeline/Transactor.ts"
import { freshName, type Infra, infra, notes, Noted, textOf } from "../Fixture.ts"
import { figureOf, inTurn, ratio, secondsOf } from "../Measure.ts"
import type { Row } from "../Row.ts"

const fibers = 16

/** The caller's own work: an order, and the stock it takes. */
const business = (sql: SqlClient.SqlClient, i: number) =>
  Effect.andThen(
    sql`INSERT INTO bench_order (id, body) VALUES (${`${process.pid}-${i}-${Math.random()}`}, ${textOf(400)})`,
    sql`UPDATE bench_stock SET left_over = left_over - 1 WHERE sku = ${i % 1_000}`
  )

const tables = (sql: SqlClient.SqlClient) =>
  Effect.forEach(
    [
      `CREATE TABLE IF NOT EXISTS bench_order (id text PRIMARY KEY, body text NOT NULL)`,
      `CREATE TABLE IF NOT EXISTS bench_stock (sku int PRIMARY KEY, left_over bigint NOT NULL) WITH (fillfactor = 50)`,
      `INSERT INTO bench_stock SELECT i, 1000000000 FROM generate_series(0, 999) AS i ON CONFLICT DO NOTHING`
    ],
    (statement) => sql.unsafe(statement),
    { discard: true }
  )

const transactions = (services: Infra, count: number, one: (i: number) => Effect.Effect<unknown, unknown>) =>
  Effect.map(
    secondsOf(
      Effect.forEach(
        Array.from({ length: count }, (_, i) => i),
        one,
        { concurrency: fibers, discard: true }
      )
    ),
    (seconds) => count / seconds
  ).pipe(Effect.provideContext(services))

export const appendRow: Row = {
  number: 1,
  name: "append",
  what: "append in a caller's transaction, beside the same transaction without",
  measure: Effect.fnUntraced(function* (size) {
    const services = yield* infra
    const sql = Context.get(services, SqlClient.SqlClient)
    const { run } = Context.get(services, Transactor)
    yield* tables(sql)
    const count = Math.round(8_000 * size.scale)
    const stream = notes(freshName("append"))
    const text = textOf(400)
    const figures = yield* inTurn(
      [
        {
          name: "with append",
          unit: "tx/s",
          run: () =>
            transactions(services, count, (i) =>
              run(
                Effect.andThen(
                  business(sql, i),
                  stream.append([Noted.make({ key: `key-${i % 1_000}`, atMs: 0, text })])
                )
              ).pipe(Effect.provideContext(services))
            )
        },
        {
          name: "without",
          unit: "tx/s",
          run: () => transactions(services, count, (i) => Effect.provideContext(run(business(sql, i)), services))
        }
      ],
      size
    )
    return {
      figures,
      verdicts: [ratio(figureOf(figures, "with append"), figureOf(figures, "without"), 0.9)],
      settings: `${fibers} fibers, 20 connections, one event of 400 B a transaction, 1,000 keys`
    }
  })
}
