import { Context, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { randomBytes } from "node:crypto"
import { transactionalBatch } from "../src/pipeline/Handler.ts"
import { RelayStore } from "../src/pipeline/RelayStore.ts"
import { append, type Filling, type Infra, type Notes, partitions, start } from "./Fixture.ts"
import { type Cost, costOf, makeMeter, type Meter } from "./Meter.ts"
import { BenchServers } from "./Servers.ts"

/** Events, and those who get them. */
export interface Load extends Filling {
  readonly partitions: number
  /** Each inserts a row per event, in the transaction of its progress. */
  readonly handlers: number
}

/** What stays while one thing grows. */
export const usual: Load = { events: 100_000, keys: 10_000, bytes: 256, partitions, handlers: 1 }

/** What a load cost, step by step. */
export interface Phases {
  readonly append: Cost
  readonly relay: Cost
  readonly consume: Cost
}

/** Appends a load, relays it, and consumes it: one after the other, so that each has the machine to itself. */
export const phases = Effect.fnUntraced(function* (services: Infra, stream: Notes, load: Load) {
  const pids = yield* (yield* BenchServers).pids
  const appended = append(services, stream, {
    ...load,
    text: incompressible(load.bytes),
    keyOf: scattered(load.keys)
  })
  return {
    append: yield* costOf(pids, load.events, appended),
    relay: yield* relay(services, stream, load),
    consume: yield* consume(services, stream, load)
  } satisfies Phases
})

/** Bytes a stream of such events may need: each has headers and a subject besides. */
export const streamBytesOf = ({ bytes, events }: Filling) => 100_000_000 + events * (bytes + 600)

// Postgres would compress what repeats, and a large payload would be a small one.
const incompressible = (bytes: number) =>
  randomBytes(bytes)
    .toString("base64")
    .slice(0, Math.max(0, bytes - 70))

/** Any large prime: neighbours in time are none in an index, as it is with real keys. */
const stride = 2_654_435_761

const scattered = (keys: number) => (i: number) => ((i % keys) * stride) % keys

/** Relays what was appended. */
export const relay = Effect.fnUntraced(function* (services: Infra, stream: Notes, load: Load) {
  const meter = yield* makeMeter(yield* (yield* BenchServers).pids, load.events)
  const metered = Context.add(services, RelayStore, meteredStore(Context.get(services, RelayStore), meter))
  const running = start(metered, stream, [], { relays: true, partitions: load.partitions })
  return yield* Effect.scoped(Effect.andThen(running, meter.cost))
})

const meteredStore = (store: RelayStore["Service"], meter: Meter) =>
  RelayStore.of({
    ...store,
    read: (...args) => Effect.andThen(Effect.sync(meter.begin), store.read(...args)),
    acknowledge: (...args) => Effect.tap(store.acknowledge(...args), (gone) => Effect.sync(() => meter.done(gone)))
  })

const consume = Effect.fnUntraced(function* (services: Infra, stream: Notes, load: Load) {
  const meter = yield* makeMeter(yield* (yield* BenchServers).pids, load.events, load.handlers)
  const handlers = Array.from({ length: load.handlers }, (_, i) => handlerOf(services, stream, `effect-${i}`, meter))
  const running = start(services, stream, handlers, { relays: false, partitions: load.partitions })
  return yield* Effect.scoped(Effect.andThen(running, meter.cost))
})

const handlerOf = (services: Infra, stream: Notes, name: string, meter: Meter) => {
  const sql = Context.get(services, SqlClient.SqlClient)
  return transactionalBatch(stream, name, {}, (deliveries) => {
    meter.begin()
    return Effect.andThen(
      sql`INSERT INTO bench_effect SELECT * FROM unnest(${deliveries.map((d) => d.key)}::text[],
        ${deliveries.map((d) => BigInt(d.version))}::bigint[])`,
      sql.afterCommit(Effect.sync(() => meter.done(deliveries.length)))
    )
  })
}
