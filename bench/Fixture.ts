/** What the rows have in common: streams of notes, filling them, and pipelines that drain them. */
import { Context, Duration, Effect, Exit, Layer, Schema, Scope } from "effect"
import { SqlClient } from "effect/sql"
import * as NatsPipeline from "../src/infra/nats/NatsPipeline.ts"
import * as PgPipeline from "../src/infra/postgres/PgPipeline.ts"
import * as EventStream from "../src/pipeline/EventStream.ts"
import type { Handler } from "../src/pipeline/Handler.ts"
import * as Pipeline from "../src/pipeline/Pipeline.ts"
import { SignalSink } from "../src/pipeline/Signals.ts"
import { Transactor } from "../src/pipeline/Transactor.ts"
import { BenchServers } from "./Servers.ts"

/** The one kind of event of the benchmarks. */
export const Noted = Schema.TaggedStruct("Noted", { key: Schema.String, atMs: Schema.Finite, text: Schema.String })

/** A stream of notes. */
export const notes = (name: string) =>
  EventStream.make(name, { subject: name, events: { noted: Noted }, key: (event) => event.key })

export type Notes = ReturnType<typeof notes>

/** Text that brings an event's payload to about so many bytes. */
export const textOf = (bytes: number) => "x".repeat(Math.max(0, bytes - 70))

let streams = 0

/** A name nobody has used. */
export const freshName = (row: string) => `${row}-${process.pid}-${(streams += 1)}`

/** Everything the library needs, on the servers of the benchmark. A stream may hold so much. */
export const infraFor = Effect.fnUntraced(function* (maxBytes: number) {
  const { databaseUrl, natsUrl } = yield* BenchServers
  const postgres = PgPipeline.layer({ url: databaseUrl, connectionsMax: 20, keepAlive: "20 seconds" })
  const nats = NatsPipeline.layer({ url: natsUrl, name: "bench", replicas: 1, maxBytes, maxAgeDays: 7 })
  return yield* Layer.build(Layer.provideMerge(postgres, nats))
})

/** The same for what most rows need. */
export const infra = infraFor(200_000_000)

/** The services of `infra`. */
export type Infra = Effect.Success<typeof infra>

/** Partitions of every stream here, the library's default. */
export const partitions = 16

const instance = (id: string) => ({ id, host: "bench", version: "", roles: [] })

/** A running pipeline; close it with the scope. */
export const start = <E, R>(
  services: Infra,
  stream: Notes,
  handlers: ReadonlyArray<Handler<E, R>>,
  options: { readonly relays: boolean; readonly id?: string }
) =>
  Layer.build(
    Pipeline.layer(stream, handlers, { partitions, instance: instance(options.id ?? "bench"), relays: options.relays })
  ).pipe(
    Effect.provideService(SignalSink, () => Effect.void),
    Effect.provideContext(services as Context.Context<Infra extends Context.Context<infer S> ? S | R : never>)
  )

/** Appends so many events, a thousand per transaction. */
export const append = Effect.fnUntraced(function* (
  services: Infra,
  stream: Notes,
  { bytes, events, keys }: { readonly events: number; readonly keys: number; readonly bytes: number }
) {
  const { run } = Context.get(services, Transactor)
  const text = textOf(bytes)
  for (let from = 0; from < events; from += 1_000) {
    const some = Array.from({ length: Math.min(1_000, events - from) }, (_, i) =>
      Noted.make({ key: `key-${(from + i) % keys}`, atMs: 0, text })
    )
    yield* Effect.provideContext(run(stream.append(some)), services)
  }
})

/** A stream that holds so many events. */
export const filled = Effect.fnUntraced(function* (
  services: Infra,
  row: string,
  size: { readonly events: number; readonly keys: number; readonly bytes: number }
) {
  const stream = notes(freshName(row))
  yield* append(services, stream, size)
  const sql = Context.get(services, SqlClient.SqlClient)
  yield* Effect.scoped(
    Effect.andThen(
      start(services, stream, [], { relays: true }),
      Effect.repeat(
        Effect.andThen(Effect.sleep(50), sql`SELECT 1 FROM millrace.outbox WHERE stream = ${stream.name} LIMIT 1`),
        { until: (rows) => rows.length === 0 }
      )
    )
  )
  return stream
})

/** How often progress is looked at. */
const lookEvery = Duration.millis(20)

/** Events a second from the first tenth to the end, so that starting up does not count. */
const rateOf = Effect.fnUntraced(function* <E, R, F>(
  services: Infra,
  stream: Notes,
  handler: Handler<E, R>,
  events: number,
  done: Effect.Effect<number, F>
) {
  const scope = yield* Scope.make()
  yield* Scope.provide(start(services, stream, [handler], { relays: false }), scope)
  let from: { readonly atMs: number; readonly events: number } | undefined
  let now = 0
  while (now < events) {
    yield* Effect.sleep(lookEvery)
    now = yield* done
    if (from === undefined && now >= events / 10) from = { atMs: performance.now(), events: now }
  }
  const tookMs = performance.now() - (from?.atMs ?? 0)
  yield* Scope.close(scope, Exit.void)
  return ((events - (from?.events ?? 0)) * 1_000) / tookMs
})

/** Lets a handler drain a stream, and returns its rate by the progress it committed. */
export const drain = <E, R>(services: Infra, stream: Notes, handler: Handler<E, R>, events: number) => {
  const sql = Context.get(services, SqlClient.SqlClient)
  // A balanced handler's newest are in the ledger, and not yet in its progress.
  const done = sql<{ readonly n: string }>`SELECT ((SELECT coalesce(sum(version), 0) FROM millrace.progress
      WHERE stream = ${stream.name} AND handler = ${handler.name}) + (SELECT count(*) FROM millrace.handled
      WHERE stream = ${stream.name} AND handler = ${handler.name}))::text AS n`
  return rateOf(
    services,
    stream,
    handler,
    events,
    Effect.map(done, ([row]) => Number(row?.n ?? 0))
  )
}

/** The same by its cursors, for one that records nothing else: on average they are as far as the stream is long. */
export const drainByCursor = <E, R>(services: Infra, stream: Notes, handler: Handler<E, R>, events: number) => {
  const sql = Context.get(services, SqlClient.SqlClient)
  const done = sql<{ readonly average: string; readonly least: string }>`
    SELECT avg(cursor)::text AS average, min(cursor)::text AS least FROM millrace.lease
    WHERE stream = ${stream.name} AND handler = ${handler.name}`
  // The last events of a partition are somewhere in the last hundredth.
  const isOver = (least: number) => least >= events * 0.99
  return rateOf(
    services,
    stream,
    handler,
    events,
    Effect.map(done, ([row]) =>
      isOver(Number(row?.least ?? 0)) ? events : Math.min(events - 1, Number(row?.average ?? 0))
    )
  )
}
