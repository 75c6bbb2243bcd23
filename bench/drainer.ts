/** Drains a stream in a process of its own, and prints progress and memory: `STREAM=… EVENTS=… node bench/drainer.ts`. */
import { Context, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { transactionalBatch } from "../src/pipeline/Handler.ts"
import { infraFor, notes, start } from "./Fixture.ts"
import { BenchServers } from "./Servers.ts"

const { DATABASE_URL = "", EVENTS = "0", HANDLER = "drainer", NATS_URL = "", STREAM = "" } = process.env

const drained = Effect.gen(function* () {
  const services = yield* infraFor(Number(process.env["STREAM_BYTES"]))
  const sql = Context.get(services, SqlClient.SqlClient)
  const stream = notes(STREAM)
  let done = 0
  const handler = transactionalBatch(stream, HANDLER, {}, (deliveries) =>
    Effect.andThen(
      sql`INSERT INTO bench_effect SELECT * FROM unnest(${deliveries.map((d) => d.key)}::text[],
        ${deliveries.map((d) => BigInt(d.version))}::bigint[])`,
      sql.afterCommit(Effect.sync(() => void (done += deliveries.length)))
    )
  )
  yield* start(services, stream, [handler], { relays: false })
  const beganAt = performance.now()
  while (done < Number(EVENTS)) {
    yield* Effect.sleep(200)
    const atMs = Math.round(performance.now() - beganAt)
    process.stdout.write(`${JSON.stringify({ atMs, done, rssBytes: process.memoryUsage.rss() })}\n`)
  }
})

await Effect.runPromise(Effect.scoped(Effect.provide(drained, BenchServers.at(DATABASE_URL, NATS_URL))))
process.exit(0)
