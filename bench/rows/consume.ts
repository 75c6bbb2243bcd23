import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { Context, Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { natsLogin } from "../../src/infra/nats/NatsLogin.ts"
import { balanced, external, transactionalBatch } from "../../src/pipeline/Handler.ts"
import { drain, filled, freshName, infra } from "../Fixture.ts"
import { bound, figureOf, inTurn, ratio } from "../Measure.ts"
import { consumeAndAck } from "../peers/natsLoops.ts"
import { graphileWorker, pgBoss } from "../peers/queues.ts"
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
        { name: "graphile-worker, tuned", unit: "jobs/s", run: () => graphileWorker(url, jobs, "tuned") }
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
      settings: `${events} events of 512 B, 1,000 keys, 16 partitions, batches of 200, one insert per batch; pg-boss: batches of 500, 4 workers, no-op; graphile-worker: concurrency 10 (default), or 24 with a local queue of 500 and batched completion (tuned), no-op`
    }
  })
}

export const noopRow: Row = {
  number: 6,
  name: "noop",
  what: "ordered consumer that does nothing, beside a bare client that only acknowledges",
  measure: Effect.fnUntraced(function* (size) {
    const services = yield* infra
    const { natsUrl } = yield* BenchServers
    const events = Math.round(eventsOf.events * size.scale)
    const stream = yield* filled(services, "noop", { ...eventsOf, events })
    const login = natsLogin(Redacted.value(natsUrl))
    const connection = yield* Effect.acquireRelease(
      Effect.promise(() => connect({ ...login, servers: [...login.servers] })),
      (open) => Effect.promise(() => open.close())
    )
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
