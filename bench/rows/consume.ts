import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { Context, Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { balanced, external, transactionalBatch } from "../../src/pipeline/Handler.ts"
import { drain, filled, freshName, infra } from "../Fixture.ts"
import { bound, figureOf, inTurn, ratio, type Side } from "../Measure.ts"
import { natsConnection } from "../Nats.ts"
import { bullMq, bullMqConcurrency } from "../peers/bullmq.ts"
import { consumeAndAck } from "../peers/natsLoops.ts"
import { graphileWorker, pgBoss } from "../peers/queues.ts"
import { redisProgram, startRedis } from "../peers/redis.ts"
import type { Row } from "../Row.ts"
import { BenchServers } from "../Servers.ts"

const eventsOf = { events: 100_000, keys: 1_000, bytes: 512 }

export const effectsRow: Row = {
  number: 5,
  name: "effects",
  what: "ordered consumer with an effect in Postgres per event, exactly once, beside job queues",
  measure: Effect.fnUntraced(function* (size) {
    const services = yield* infra
    const { databaseUrl } = yield* BenchServers
    const sql = Context.get(services, SqlClient.SqlClient)
    const events = Math.round(eventsOf.events * size.scale)
    yield* sql`CREATE TABLE IF NOT EXISTS bench_effect (key text NOT NULL, version bigint NOT NULL)`
    const stream = yield* filled(services, "effects", { ...eventsOf, events })
    const insert = (deliveries: ReadonlyArray<{ readonly key: string; readonly version: number }>) =>
      Effect.flatMap(
        SqlClient.SqlClient,
        (client) => client`INSERT INTO bench_effect SELECT * FROM unnest(${deliveries.map((d) => d.key)}::text[],
          ${deliveries.map((d) => BigInt(d.version))}::bigint[])`
      ).pipe(Effect.asVoid)
    const handler = () => transactionalBatch(stream, freshName("effect"), {}, insert)
    const program = redisProgram()
    const redis = program === undefined ? undefined : yield* startRedis(program)
    const url = Redacted.value(databaseUrl)
    const jobs = Math.round(40_000 * size.scale)
    const figures = yield* inTurn(
      [
        { name: "millrace", unit: "events/s", run: () => drain(services, stream, handler(), events) },
        {
          name: "millrace, balanced",
          unit: "events/s",
          run: () => drain(services, stream, balanced(handler()), events)
        },
        { name: "pg-boss", unit: "jobs/s", run: () => pgBoss(url, jobs) },
        { name: "graphile-worker, default", unit: "jobs/s", run: () => graphileWorker(url, jobs, "default") },
        { name: "graphile-worker, tuned", unit: "jobs/s", run: () => graphileWorker(url, jobs, "tuned") },
        ...(redis === undefined
          ? []
          : [{ name: "BullMQ", unit: "jobs/s", run: () => bullMq(redis.port, jobs) } satisfies Side])
      ],
      size
    )
    const ours = figureOf(figures, "millrace")
    return {
      figures,
      verdicts: [
        bound(ours, "≥", 20_000),
        ratio(ours, figureOf(figures, "pg-boss"), 3),
        ratio(ours, figureOf(figures, "graphile-worker, tuned"), 1)
      ],
      settings: `${events} events of 512 B, 1,000 keys, 16 partitions, batches of up to 500, one insert per batch; pg-boss: batches of 500, 4 workers, no-op; graphile-worker: concurrency 10 (default), or 24 with a local queue of 500 and batched completion (tuned), no-op; ${redis === undefined ? "BullMQ: no redis-server found" : `BullMQ: added by 1,000, concurrency ${bullMqConcurrency}, no-op, ${redis.what}`}`
    }
  })
}

export const noopRow: Row = {
  number: 6,
  name: "noop",
  what: "ordered consumer that does nothing, beside a bare client that only acknowledges",
  measure: Effect.fnUntraced(function* (size) {
    const services = yield* infra
    const events = Math.round(eventsOf.events * size.scale)
    const stream = yield* filled(services, "noop", { ...eventsOf, events })
    const connection = yield* natsConnection
    const bare = Effect.promise(async () =>
      consumeAndAck(jetstream(connection), await jetstreamManager(connection), stream.name.toUpperCase(), events)
    )
    const figures = yield* inTurn(
      [
        {
          name: "millrace, transactional",
          unit: "events/s",
          run: () =>
            drain(
              services,
              stream,
              transactionalBatch(stream, freshName("noop"), {}, () => Effect.void),
              events
            )
        },
        {
          name: "millrace, external",
          unit: "events/s",
          run: () =>
            drain(
              services,
              stream,
              external(stream, freshName("noop"), {}, () => Effect.void),
              events
            )
        },
        { name: "bare client", unit: "events/s", run: () => bare }
      ],
      size
    )
    return {
      figures,
      verdicts: [ratio(figureOf(figures, "millrace, transactional"), figureOf(figures, "bare client"), 0.5)],
      settings: `${events} events of 512 B, 1,000 keys, 16 partitions; bare client: one consumer, callback, 1,000 in flight`
    }
  })
}
