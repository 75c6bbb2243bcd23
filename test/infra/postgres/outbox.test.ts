import { assert, describe, it, layer } from "@effect/vitest"
import { PgClient } from "@effect/sql-pg"
import { Cause, Effect, Exit, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { orderMigrations } from "../../../src/app/orders/orderMigrations.ts"
import { migrate, pipelineMigrations } from "../../../src/infra/postgres/Migrations.ts"
import { migratePipeline } from "../../../src/infra/postgres/PipelineTables.ts"
import { Outbox } from "../../../src/pipeline/Outbox.ts"
import { judge } from "../../../src/pipeline/Oracle.ts"
import { Transactor } from "../../../src/pipeline/Transactor.ts"
import { query } from "../embedded/Clients.ts"
import { entryOf, freshStream, ownPostgres, PgUnderTest, pgWorld } from "./PgWorld.ts"

interface Row {
  readonly id: bigint
  readonly key: string
  readonly version: bigint
  readonly event_id: string
}

const rowsOf = Effect.fnUntraced(function* (stream: string) {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<Row>`SELECT id, key, version, event_id FROM millrace.outbox WHERE stream = ${stream} ORDER BY id`
})

const placesOf = Effect.fnUntraced(function* (stream: string) {
  return (yield* rowsOf(stream)).map(({ key, version }) => `${key}${version}`)
})

const append = Effect.fnUntraced(function* (
  stream: string,
  keys: ReadonlyArray<string>,
  options: { readonly expectedVersion?: number } = {}
) {
  const transactor = yield* Transactor
  const outbox = yield* Outbox
  return yield* transactor.run(outbox.append(stream, keys.map(entryOf), options))
})

/** The same numbers for the same seed: 0 up to, but not including, the bound. */
const seeded = (seed: number) => {
  let state = seed
  return (bound: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}

const pidOf = (sql: SqlClient.SqlClient) =>
  Effect.map(sql<{ readonly pid: number }>`SELECT pg_backend_pid() AS pid`, ([row]) => row?.pid ?? 0)

layer(pgWorld, { excludeTestServices: true, timeout: "60 seconds" })("the outbox", (it) => {
  it.effect("gives ids and versions in the order of the entries, over several keys and appends", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream
      const first = yield* append(stream, ["b", "a", "b", "c", "a", "b"])
      assert.deepStrictEqual(
        first.map(({ key, version }) => `${key}${version}`),
        ["b1", "a1", "b2", "c1", "a2", "b3"]
      )
      yield* append(stream, ["c", "a"])
      assert.deepStrictEqual(yield* placesOf(stream), ["b1", "a1", "b2", "c1", "a2", "b3", "c2", "a3"])
      const stored = (yield* rowsOf(stream)).slice(0, 6).map((row) => row.event_id)
      assert.deepStrictEqual(
        stored,
        first.map(({ eventId }) => eventId)
      )
      const keys = Array.from({ length: 700 }, (_, i) => `k${i % 13}`)
      yield* append(stream, keys)
      const rows = (yield* rowsOf(stream)).slice(8)
      assert.deepStrictEqual(
        rows.map((row) => row.key),
        keys
      )
      rows.forEach((row, i) => assert.strictEqual(Number(row.version), Math.floor(i / 13) + 1))
    })
  )

  it.effect("keeps every key gapless and in order under concurrent transactions, rollbacks and savepoints", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream
      const transactor = yield* Transactor
      const outbox = yield* Outbox
      const committed = new Set<string>()
      const writer = Effect.fnUntraced(function* (w: number) {
        const random = seeded(w + 1)
        const think = Effect.suspend(() => (random(3) === 0 ? Effect.sleep(random(6)) : Effect.void))
        for (let n = 0; n < 12; n++) {
          const keys = Array.from({ length: 1 + random(4) }, () => `key ${random(6)}`)
          const kept: Array<string> = []
          const write = (entries: ReadonlyArray<ReturnType<typeof entryOf>>) =>
            Effect.map(outbox.append(stream, entries, {}), (appended) => appended.map((one) => one.eventId))
          const work = Effect.gen(function* () {
            yield* think
            kept.push(...(yield* write(keys.map(entryOf))))
            yield* think
            const undone = random(2) === 0
            const inner = Effect.filterOrFail(
              write([entryOf(keys[0] ?? "")]),
              () => !undone,
              () => "undo"
            )
            kept.push(...(yield* transactor.run(inner).pipe(Effect.orElseSucceed(() => []))))
            yield* think
            if (random(5) === 0) return yield* Effect.fail("roll back")
          })
          const exit = yield* Effect.exit(transactor.run(work))
          if (Exit.isSuccess(exit)) for (const id of kept) committed.add(id)
        }
      })
      yield* Effect.forEach(
        Array.from({ length: 16 }, (_, w) => w),
        writer,
        { concurrency: "unbounded", discard: true }
      )
      const rows = yield* rowsOf(stream)
      assert.deepStrictEqual(new Set(rows.map((row) => row.event_id)), committed)
      const counts = new Map([...Map.groupBy(rows, (row) => row.key)].map(([key, own]) => [key, own.length]))
      const history = rows.map((row) => ({
        key: row.key,
        version: Number(row.version),
        eventId: row.event_id,
        position: Number(row.id)
      }))
      const judgement = judge(counts, history)
      assert.isTrue(judgement.ok, JSON.stringify(judgement.faults))
      assert.isAbove(rows.length, 200)
    })
  )

  it.effect("holds an append to the version it expects, of new keys and of old ones", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream
      const conflict = Effect.fnUntraced(function* (keys: ReadonlyArray<string>, expectedVersion: number) {
        const error = yield* Effect.flip(append(stream, keys, { expectedVersion }))
        assert.strictEqual(error._tag, "VersionConflict")
      })
      // One event has a statement of its own.
      for (const keys of [["new"], ["new", "new"]]) yield* conflict(keys, 1)
      yield* append(stream, ["new", "new"], { expectedVersion: 0 })
      for (const keys of [["new"], ["new", "new"]]) for (const expected of [0, 1, 3]) yield* conflict(keys, expected)
      yield* append(stream, ["new"], { expectedVersion: 2 })
      assert.deepStrictEqual(yield* placesOf(stream), ["new1", "new2", "new3"])
      const racing = yield* Effect.forEach(
        Array.from({ length: 8 }),
        () => Effect.exit(append(stream, ["new"], { expectedVersion: 3 })),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(racing.filter(Exit.isSuccess).length, 1)
      assert.deepStrictEqual(yield* placesOf(stream), ["new1", "new2", "new3", "new4"])
    })
  )

  it.effect("a conflict inside a transaction leaves nothing of its own, and no head behind", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream
      const sql = yield* SqlClient.SqlClient
      yield* Effect.flip(append(stream, ["ghost"], { expectedVersion: 5 }))
      yield* Effect.flip(append(stream, ["ghost", "ghost"], { expectedVersion: 5 }))
      const heads = yield* sql`SELECT 1 FROM millrace.head WHERE stream = ${stream}`
      assert.lengthOf(heads, 0)
      yield* append(stream, ["ghost"], { expectedVersion: 0 })
      assert.deepStrictEqual(yield* placesOf(stream), ["ghost1"])
    })
  )

  it.effect("dies outside a transaction, and when a version is expected of several keys", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream
      const outbox = yield* Outbox
      const outside = yield* Effect.exit(outbox.append(stream, [entryOf("a")], {}))
      const several = yield* Effect.exit(append(stream, ["a", "b"], { expectedVersion: 0 }))
      for (const exit of [outside, several]) {
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      }
      assert.deepStrictEqual(yield* placesOf(stream), [])
    })
  )

  it.effect("a session that is killed inside a transaction is a typed StoreUnavailable, and writes nothing", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream
      const sql = yield* SqlClient.SqlClient
      const transactor = yield* Transactor
      const outbox = yield* Outbox
      const own = outbox
        .append(stream, [entryOf("a")], {})
        .pipe(Effect.andThen(sql`SELECT pg_terminate_backend(pg_backend_pid())`))
      const { kill } = yield* PgUnderTest
      const foreign = Effect.gen(function* () {
        const pid = yield* pidOf(sql)
        yield* outbox.append(stream, [entryOf("a")], {})
        yield* kill(pid)
        yield* outbox.append(stream, [entryOf("b")], {})
      })
      const nested = transactor.run(own)
      for (const work of [own, foreign, nested]) {
        const exit = yield* Effect.exit(transactor.run(work))
        const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined
        assert.strictEqual(error?._tag, "StoreUnavailable", String(exit))
        assert.isFalse(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      }
      assert.deepStrictEqual(yield* placesOf(stream), [])
      yield* append(stream, ["a"])
      assert.deepStrictEqual(yield* placesOf(stream), ["a1"])
    })
  )
})

const freshDatabase = Effect.gen(function* () {
  const { url } = yield* ownPostgres
  yield* query(url, "CREATE DATABASE fresh")
  return Redacted.make(Redacted.value(url).replace(/\/millrace$/, "/fresh"))
})

describe("migrations", () => {
  it.live("of processes that start together run once, and both find the tables", () =>
    Effect.gen(function* () {
      const url = yield* freshDatabase
      const start = Effect.andThen(migratePipeline, migrate("order_migrations", orderMigrations)).pipe(
        Effect.provide(PgClient.layer({ url, maxConnections: 2 }))
      )
      yield* Effect.all(
        Array.from({ length: 4 }, () => start),
        { concurrency: "unbounded" }
      )
      yield* start
      const tables = yield* query(
        url,
        `SELECT to_regclass('millrace.outbox') IS NOT NULL AS outbox, to_regclass('orders') IS NOT NULL AS orders,
           (SELECT count(*)::int FROM millrace.migrations) AS pipeline, (SELECT count(*)::int FROM order_migrations) AS app`
      )
      assert.deepStrictEqual(tables, [
        {
          outbox: true,
          orders: true,
          pipeline: Object.keys(pipelineMigrations).length,
          app: Object.keys(orderMigrations).length
        }
      ])
    })
  )
})
