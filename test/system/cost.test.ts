/**
 * What an event costs, in things that can be counted: rows that statements read, bytes of WAL (transactions are counted in
 * `test/infra/postgres/cost.test.ts`). Time is not one of them. The limits are twice what was measured; a change that breaks
 * one has made every event dearer.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as NatsPipeline from "../../src/infra/nats/NatsPipeline.ts"
import * as PgPipeline from "../../src/infra/postgres/PgPipeline.ts"
import { external, transactionalBatch } from "../../src/pipeline/Handler.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { Transactor } from "../../src/pipeline/Transactor.ts"
import { query } from "../infra/embedded/Clients.ts"
import { noteStream } from "../support/Ledger.ts"
import { eventually } from "../support/servers/Eventually.ts"
import { TestServers } from "../support/servers/TestServers.ts"

const events = 4_000

const perTransaction = 100

/** Measured: 3.0 and 643, in every run within a hundredth. */
const limits = { rowsRead: 6, walBytes: 1_300 }

const counters = (url: Redacted.Redacted) =>
  Effect.gen(function* () {
    // A session tells its numbers with its first statement that ends a second after it told the last ones.
    yield* Effect.sleep("2500 millis")
    const [row] = yield* query(
      url,
      `SELECT (SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::float8 FROM pg_stat_user_tables WHERE schemaname = 'millrace'
          AND relname IN ('outbox', 'head', 'progress')) AS "rowsRead",
        pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS "walBytes"`
    )
    const { rowsRead, walBytes } = Object(row)
    return { rowsRead: Number(rowsRead), walBytes: Number(walBytes) }
  })

layer(TestServers.layer, { excludeTestServices: true, timeout: "120 seconds" })("what an event costs", (it) => {
  it.effect("from its append to two handlers, in a backlog", () =>
    Effect.gen(function* () {
      const { environment } = yield* TestServers
      const url = Redacted.make(environment.DATABASE_URL)
      const ports = yield* Layer.build(
        PgPipeline.layer({ url, connectionsMax: 10, keepAlive: "20 seconds" }).pipe(
          Layer.provideMerge(NatsPipeline.layer({ url: Redacted.make(environment.NATS_URL), name: "cost" }))
        )
      )
      const handled = { own: 0, outside: 0 }
      const handlers = [
        transactionalBatch(noteStream, "own", {}, (some) => Effect.sync(() => void (handled.own += some.length))),
        external(noteStream, "outside", {}, () => Effect.sync(() => void (handled.outside += 1)))
      ]
      const before = yield* counters(url)
      yield* Effect.gen(function* () {
        const { run } = yield* Transactor
        for (let from = 0; from < events; from += perTransaction) {
          const some = Array.from({ length: perTransaction }, (_, i) => `key-${(from + i) % 500}`)
          yield* run(noteStream.append(some.map((key) => ({ _tag: "Noted" as const, key, text: "" }))))
        }
      }).pipe(Effect.provideContext(ports))
      yield* Layer.build(Pipeline.layer(noteStream, handlers, { partitions: 4 })).pipe(Effect.provideContext(ports))
      yield* eventually(
        "everything is handled by both",
        Effect.sync(() => handled.own === events && handled.outside === events),
        60
      )
      const after = yield* counters(url)
      for (const what of ["rowsRead", "walBytes"] as const) {
        const perEvent = (after[what] - before[what]) / events
        assert.isBelow(perEvent, limits[what], `${what} per event`)
        assert.isAbove(perEvent, 0, `${what} per event`)
      }
    }).pipe(Effect.scoped)
  )
})
