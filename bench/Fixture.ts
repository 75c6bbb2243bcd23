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

/** Partitions of a stream here unless it says otherwise, the library's default. */
export const partitions = 16

const instance = (id: string) => ({ id, host: "bench", version: "", roles: [] })

/** A running pipeline; close it with the scope. */
export const start = <E, R>(
  services: Infra,
  stream: Notes,
  handlers: ReadonlyArray<Handler<E, R>>,
  options: { readonly relays: boolean; readonly id?: string; readonly partitions?: number }
) =>
  Layer.build(
    Pipeline.layer(stream, handlers, {
      partitions: options.partitions ?? partitions,
      instance: instance(options.id ?? "bench"),
      relays: options.relays
    })
  ).pipe(
    Effect.provideService(SignalSink, () => Effect.void),
    Effect.provideContext(services as Context.Context<Infra extends Context.Context<infer S> ? S | R : never>)
  )

/** What is appended. */
export interface Filling {
  readonly events: number
  readonly keys: number
  /** Of a payload. */
  readonly bytes: number
  /** A thousand unless it says otherwise. */
  readonly perTransaction?: number
  /** What is in the payload; something that compresses well unless it says otherwise. */
  readonly text?: string
  /** The number of an event's key; they take turns unless it says otherwise. */
  readonly keyOf?: (i: number) => number
}

/** Appends so many events, transaction by transaction. */
export const append = Effect.fnUntraced(function* (services: Infra, stream: Notes, filling: Filling) {
  const { bytes, events, keys, perTransaction = 1_000, text = textOf(bytes), keyOf = (i) => i % keys } = filling
  const { run } = Context.get(services, Transactor)
  for (let from = 0; from < events; from += perTransaction) {
    const some = Array.from({ length: Math.min(perTransaction, events - from) }, (_, i) =>
      Noted.make({ key: `key-${keyOf(from + i)}`, atMs: 0, text })
    )
    yield* Effect.provideContext(run(stream.append(some)), services)
  }
})

/** Publishes what is in the outbox of a stream, to the last row. */
export const relayed = (services: Infra, stream: Notes) => {
  const sql = Context.get(services, SqlClient.SqlClient)
  return Effect.scoped(
    Effect.andThen(
      start(services, stream, [], { relays: true }),
      Effect.repeat(
        Effect.andThen(Effect.sleep(50), sql`SELECT 1 FROM millrace.outbox WHERE stream = ${stream.name} LIMIT 1`),
        { until: (rows) => rows.length === 0 }
      )
    )
  )
}

/** A stream that holds so many events. */
export const filled = Effect.fnUntraced(function* (services: Infra, row: string, filling: Filling) {
  const stream = notes(freshName(row))
  yield* append(services, stream, filling)
  yield* relayed(services, stream)
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
