import { Context, Effect, Exit, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { transactionalBatch } from "../../src/pipeline/Handler.ts"
import { Transactor } from "../../src/pipeline/Transactor.ts"
import { freshName, infra, notes, Noted, start, textOf } from "../Fixture.ts"
import { at, histogram, note } from "../Latency.ts"
import { bound, figureOf } from "../Measure.ts"
import type { Row } from "../Row.ts"

const ratePerSecond = 500

export const latencyRow: Row = {
  number: 7,
  name: "latency",
  what: "from commit to committed effect, 500 transactions a second at a constant rate",
  measure: Effect.fnUntraced(function* (size) {
    const services = yield* infra
    const sql = Context.get(services, SqlClient.SqlClient)
    const { run } = Context.get(services, Transactor)
    yield* sql`CREATE TABLE IF NOT EXISTS bench_effect (key text NOT NULL, version bigint NOT NULL)`
    const count = Math.round(ratePerSecond * 20 * size.scale)
    const text = textOf(400)
    const once = Effect.fnUntraced(function* () {
      const stream = notes(freshName("latency"))
      const seen = histogram()
      const handler = transactionalBatch(stream, "effect", {}, (deliveries) =>
        Effect.gen(function* () {
          yield* sql`INSERT INTO bench_effect SELECT * FROM unnest(${deliveries.map((d) => d.key)}::text[],
            ${deliveries.map((d) => BigInt(d.version))}::bigint[])`
          yield* sql.afterCommit(
            Effect.sync(() => {
              const now = Date.now()
              for (const { event } of deliveries) note(seen, now - event.atMs)
            })
          )
        })
      )
      const scope = yield* Scope.make()
      yield* Scope.provide(start(services, stream, [handler], { relays: true }), scope)
      yield* Effect.sleep("3 seconds")
      // When each is to begin is fixed beforehand: a slow one does not put off the next, and its delay counts.
      const beganAt = Date.now()
      const one = (i: number) =>
        Effect.gen(function* () {
          const dueMs = beganAt + (i * 1_000) / ratePerSecond
          yield* Effect.sleep(Math.max(0, dueMs - Date.now()))
          yield* run(stream.append([Noted.make({ key: `key-${i % 1_000}`, atMs: dueMs, text })]))
        })
      yield* Effect.forEach(
        Array.from({ length: count }, (_, i) => i),
        one,
        { concurrency: "unbounded", discard: true }
      ).pipe(Effect.provideContext(services))
      yield* Effect.repeat(Effect.sleep(20), { until: () => seen.totalCount >= count })
      yield* Scope.close(scope, Exit.void)
      return seen
    })
    const runs: Array<readonly [number, number, number]> = []
    for (let round = 0; round <= size.runs; round++) {
      const seen = yield* once()
      if (round > 0) runs.push([at(seen, 50), at(seen, 99), at(seen, 99.9)] as const)
    }
    const figures = ["p50", "p99", "p99.9"].map((name, i) => ({
      name,
      unit: "ms",
      values: runs.map((one) => one[i] ?? Number.NaN)
    }))
    return {
      figures,
      verdicts: [
        bound(figureOf(figures, "p50"), "≤", 5),
        bound(figureOf(figures, "p99"), "≤", 25),
        bound(figureOf(figures, "p99.9"), "≤", 100)
      ],
      settings: `one event of 400 B per transaction, from when it should have begun to after the commit of its effect; everything in one process`
    }
  })
}
