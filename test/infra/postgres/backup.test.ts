/** Tables copied as text and read again: every value as it was, in other schemas, and by a session that writes otherwise. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Stream } from "effect"
import { PgClient } from "@effect/sql-pg"
import { Reactivity } from "effect/reactivity"
import { BackupStore, type Counter, TableDiffers, type TableLoad } from "../../../src/pipeline/BackupStore.ts"
import * as PgBackupStore from "../../../src/infra/postgres/PgBackupStore.ts"
import { StoreUnavailable } from "../../../src/pipeline/PipelineError.ts"
import { query } from "../embedded/Clients.ts"
import { ownPostgres, pipelineIn } from "./PgWorld.ts"

const odd = `CREATE TABLE odd (
  n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, gone int, t text, ts timestamptz, d date, i interval, x float8, m numeric,
  j json, b jsonb, raw bytea, list text[], id uuid)`

const rows = [
  `E'a"b\\\\c,(d)\\n\\r\\t\\x01 é 🚀', '2026-01-01 12:00:00.123456+05:30', '0001-01-01 BC', '-1 mon 3 days -04:05:06.789', 0.1::float8 + 0.2`,
  `'', 'infinity', 'infinity', '1 year', 'NaN'`,
  `NULL, '-infinity', NULL, NULL, '-0'`
]

const others = [
  `12345678901234567890.1234567890, '{"a" :  [1,\n2]}', '{"big": 12345678901234567890}', '\\x00ff', '{"x,y","","NULL",NULL}', gen_random_uuid()`,
  `'NaN', 'null', 'null', '', '{}', NULL`,
  `NULL, NULL, NULL, NULL, '[0:1]={a,b}', NULL`
]

/** A store on a database of that Postgres, whose sessions write dates and the like in their own way. */
const storeOn = (url: Redacted.Redacted, startupParameters: Readonly<Record<string, string>>) =>
  PgBackupStore.layer({
    schema: "millrace",
    appTables: ["odd"],
    migrations: [{ table: "none", places: ["none_yet"] }]
  }).pipe(Layer.provide(PgClient.layer({ url, maxConnections: 1, startupParameters })), Layer.provide(Reactivity.layer))

interface Copied {
  readonly tables: ReadonlyArray<TableLoad<never>>
  readonly counters: ReadonlyArray<Counter>
}

const copy = Effect.gen(function* () {
  const store = yield* BackupStore
  return yield* store.snapshot((snapshot) =>
    Effect.gen(function* () {
      const tables = yield* Effect.forEach(snapshot.tables, (table) =>
        Effect.gen(function* () {
          const found = yield* Stream.runCollect(snapshot.rows(table))
          const sum = yield* snapshot.sum(table)
          assert.strictEqual(String(found.reduce((total, { part }) => total + part, 0n)), sum.digest)
          return { table, sum, rows: Stream.make(found.map(({ line }): string => JSON.parse(line))) }
        })
      )
      return { tables, counters: snapshot.counters } satisfies Copied
    })
  )
})

const load = (copied: Copied, replaces: boolean) =>
  Effect.flatMap(BackupStore, (store) =>
    store.load({ ...copied, replaces, events: [], check: () => Effect.void, beforeCommit: Effect.void })
  )

const dayFirst = { DateStyle: "SQL, DMY", IntervalStyle: "iso_8601", TimeZone: "Asia/Kolkata", extra_float_digits: "0" }

describe("a snapshot", () => {
  it.live("says how far every handler is, in each partition, or in all of them", () =>
    Effect.gen(function* () {
      const { url } = yield* ownPostgres
      yield* Effect.provide(Effect.void, pipelineIn(url))
      yield* query(url, "INSERT INTO millrace.relay (stream, last_seq, first, partitions) VALUES ('s', 20, 2, 3)")
      yield* query(
        url,
        `INSERT INTO millrace.lease (stream, handler, partition, cursor, delivery) VALUES
          ('s', 'there', 2, 11, 'ordered'), ('s', 'there', 3, 0, NULL), ('s', 'there', 4, 13, 'ordered'),
          ('s', 'behind', 0, 7, 'ordered'), ('s', 'behind', 1, 9, 'ordered'),
          ('s', 'any', 2, 5, 'balanced'), ('s', 'any', 3, 6, 'balanced')`
      )
      const [stream] = yield* BackupStore.pipe(
        Effect.flatMap((store) => store.snapshot(({ streams }) => Effect.succeed(streams))),
        Effect.provide(storeOn(url, {}))
      )
      const places = stream?.places.map(
        ({ cursor, handler, partition }) => `${handler} ${partition ?? "all"} ${cursor}`
      )
      assert.sameMembers(places ?? [], [
        "there 2 11",
        "there 3 0",
        "there 4 13",
        "behind 0 7",
        "behind 1 9",
        // Whatever is behind 9 in the partitions it goes on with.
        "behind all 9",
        "any all 5"
      ])
    })
  )
})

describe("tables put back", () => {
  it.live("hold the same values, whatever the sessions write, and count on behind them", () =>
    Effect.gen(function* () {
      const { url } = yield* ownPostgres
      yield* query(url, "CREATE DATABASE other")
      const other = Redacted.make(Redacted.value(url).replace(/\/millrace$/, "/other"))
      // There its schema is another one.
      yield* query(other, "CREATE SCHEMA millrace")
      yield* Effect.forEach([url, other], (one) =>
        Effect.andThen(query(one, odd), query(one, "ALTER TABLE odd DROP gone"))
      )
      for (const [i, row] of rows.entries())
        yield* query(url, `INSERT INTO odd (t, ts, d, i, x, m, j, b, raw, list, id) VALUES (${row}, ${others[i]})`)
      yield* query(url, "INSERT INTO odd (t) VALUES ('deleted')")
      yield* query(url, "DELETE FROM odd WHERE t = 'deleted'")
      const copied = yield* Effect.provide(copy, storeOn(url, {}))
      assert.deepStrictEqual(copied.counters, [{ table: "odd", column: "n", value: "4" }])
      yield* Effect.provide(load(copied, false), storeOn(other, dayFirst))
      const all = "SELECT string_agg(t::text, E'\\n' ORDER BY n) AS text FROM odd t"
      assert.deepStrictEqual(yield* query(other, all), yield* query(url, all))
      const [next] = yield* query(other, "INSERT INTO odd (t) VALUES ('next') RETURNING n::int AS n")
      assert.deepStrictEqual(next, { n: 5 })
      const again = yield* Effect.flip(Effect.provide(load(copied, false), storeOn(other, dayFirst)))
      assert.instanceOf(again, StoreUnavailable)
      yield* Effect.provide(load(copied, true), storeOn(other, dayFirst))
      assert.deepStrictEqual(yield* query(other, all), yield* query(url, all))
    })
  )

  it.live("are refused when they are not what was copied, and what was there stays", () =>
    Effect.gen(function* () {
      const { url } = yield* ownPostgres
      yield* query(url, odd)
      yield* query(url, "INSERT INTO odd (t) VALUES ('one'), ('two')")
      const { counters, tables } = yield* Effect.provide(copy, storeOn(url, {}))
      const less = tables.map((table) => ({ ...table, rows: Stream.map(table.rows, (some) => some.slice(1)) }))
      const failure = yield* Effect.flip(Effect.provide(load({ counters, tables: less }, true), storeOn(url, {})))
      assert.instanceOf(failure, TableDiffers)
      assert.deepStrictEqual(yield* query(url, "SELECT count(*)::int AS n FROM odd"), [{ n: 2 }])
    })
  )
})
