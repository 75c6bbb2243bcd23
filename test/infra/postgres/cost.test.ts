// What events cost in transactions, which does not depend on the machine: a batch that no longer batches shows here.
import { assert, layer } from "@effect/vitest"
import { Effect, Exit, Layer, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { balanced, external, type Handler, transactionalBatch } from "../../../src/pipeline/Handler.ts"
import * as Pipeline from "../../../src/pipeline/Pipeline.ts"
import { SignalSink } from "../../../src/pipeline/Signals.ts"
import { Transactor } from "../../../src/pipeline/Transactor.ts"
import { noteStream } from "../../support/Ledger.ts"
import { eventually } from "../../support/servers/Eventually.ts"
import { query } from "../embedded/Clients.ts"
import { PgUnderTest, pgWorld } from "./PgWorld.ts"

const events = 4_000

const transactions = Effect.gen(function* () {
  const { url } = yield* PgUnderTest
  // A session tells its numbers when it has nothing to do for a second.
  yield* Effect.sleep("1500 millis")
  const [row] = yield* query(
    url,
    "SELECT xact_commit::int AS n FROM pg_stat_database WHERE datname = current_database()"
  )
  return Number(Object(row).n)
})

const start = <E>(handlers: ReadonlyArray<Handler<E>>, relays: boolean) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const instance = { id: "one", host: "test", version: "test", roles: [] }
    yield* Layer.buildWithScope(Pipeline.layer(noteStream, handlers, { partitions: 4, instance, relays }), scope)
    return { stop: Scope.close(scope, Exit.void) }
  })

/** What was committed meanwhile; a running pipeline with nothing to do commits about four a second. */
const costOf = Effect.fnUntraced(function* <E, R>(work: Effect.Effect<unknown, E, R>) {
  const before = yield* transactions
  const begin = performance.now()
  yield* work
  const seconds = (performance.now() - begin) / 1_000 + 2
  return (yield* transactions) - before - Math.ceil(seconds * 8)
})

layer(pgWorld, { excludeTestServices: true, timeout: "60 seconds" })("four thousand events", (it) => {
  it.effect(
    "cost few transactions to publish, and to handle in each way",
    () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { run } = yield* Transactor
        for (let from = 0; from < events; from += 1_000) {
          const some = Array.from({ length: 1_000 }, (_, i) => ({
            _tag: "Noted" as const,
            key: `key-${i % 200}`,
            text: ""
          }))
          yield* run(noteStream.append(some))
        }
        const published = Effect.map(sql`SELECT 1 FROM millrace.outbox LIMIT 1`, (rows) => rows.length === 0)
        const relayed = yield* costOf(
          Effect.gen(function* () {
            const { stop } = yield* start([], true)
            yield* eventually("an empty outbox", published)
            yield* stop
          })
        )
        assert.isBelow(relayed, 60)
        const kinds = [
          transactionalBatch(noteStream, "ordered", {}, () => Effect.void),
          external(noteStream, "outside", {}, () => Effect.void),
          balanced(transactionalBatch(noteStream, "balanced", {}, () => Effect.void))
        ]
        for (const handler of kinds) {
          const done = sql<{ readonly n: string }>`SELECT ((SELECT coalesce(sum(version), 0) FROM millrace.progress
            WHERE handler = ${handler.name}) + (SELECT count(*) FROM millrace.handled WHERE handler = ${handler.name}))::text AS n`
          const cost = yield* costOf(
            Effect.gen(function* () {
              const { stop } = yield* start([handler], false)
              yield* eventually(
                `${handler.name}: all handled`,
                Effect.map(done, ([row]) => Number(row?.n ?? 0) >= events),
                30
              )
              yield* stop
            })
          )
          assert.isBelow(cost, 150, handler.name)
        }
      }).pipe(Effect.provideService(SignalSink, () => Effect.void)),
    90_000
  )
})
