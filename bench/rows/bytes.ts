import { Context, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { transactionalBatch } from "../../src/pipeline/Handler.ts"
import { append, drain, freshName, infra, notes, relayed } from "../Fixture.ts"
import { natsConnection, storedIn } from "../Nats.ts"
import type { Row } from "../Row.ts"

/** Bytes of log written by an effect, by whoever writes meanwhile; nobody else does here. */
const walOf = <E, R>(sql: SqlClient.SqlClient, effect: Effect.Effect<unknown, E, R>) =>
  Effect.gen(function* () {
    const [before] = yield* sql<{ readonly at: string }>`SELECT pg_current_wal_insert_lsn()::text AS at`
    yield* effect
    const [row] = yield* sql<{ readonly bytes: string }>`
      SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), ${before?.at ?? "0/0"}::pg_lsn)::text AS bytes`
    return Number(row?.bytes ?? Number.NaN)
  })

export const bytesRow: Row = {
  number: 14,
  name: "bytes",
  what: "bytes that an event writes: Postgres' log at each step, and the stream",
  measure: Effect.fnUntraced(function* (size) {
    const services = yield* infra
    const connection = yield* natsConnection
    const sql = Context.get(services, SqlClient.SqlClient)
    yield* sql`CREATE TABLE IF NOT EXISTS bench_effect (key text NOT NULL, version bigint NOT NULL)`
    const events = Math.round(50_000 * size.scale)
    const filling = { events, keys: 1_000, bytes: 512 }
    const once = Effect.gen(function* () {
      const stream = notes(freshName("bytes"))
      const handler = transactionalBatch(stream, "effect", {}, (deliveries) =>
        Effect.asVoid(sql`INSERT INTO bench_effect SELECT * FROM unnest(${deliveries.map((d) => d.key)}::text[],
          ${deliveries.map((d) => BigInt(d.version))}::bigint[])`)
      )
      // Whole pages are written at their first change after a checkpoint: without one before, it would be chance.
      yield* sql`CHECKPOINT`.pipe(Effect.ignore)
      const appended = yield* walOf(sql, append(services, stream, filling))
      const published = yield* walOf(sql, relayed(services, stream))
      const consumed = yield* walOf(sql, drain(services, stream, handler, events))
      const stored = yield* storedIn(connection, stream.name)
      return {
        append: appended / events,
        relay: published / events,
        consume: consumed / events,
        stream: stored.bytes / stored.messages
      }
    })
    const runs = yield* Effect.forEach(Array.from({ length: size.runs }), () => once)
    const figure = (name: string, of: (run: (typeof runs)[number]) => number) => ({
      name,
      unit: "B/event",
      values: runs.map(of)
    })
    return {
      figures: [
        figure("Postgres' log, append", (run) => run.append),
        figure("Postgres' log, relay", (run) => run.relay),
        figure("Postgres' log, consume", (run) => run.consume),
        figure("Postgres' log in all", (run) => run.append + run.relay + run.consume),
        figure("stream", (run) => run.stream)
      ],
      verdicts: [],
      settings: `${events} events of 512 B, 1,000 keys, 16 partitions, appended by 1,000, an insert per batch; behind a checkpoint; the stream counts subject and headers`
    }
  })
}
