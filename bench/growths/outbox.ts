import { Deferred, Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { Growth, Sample } from "../Growth.ts"
import { type Phases, phases, streamBytesOf, usual } from "../Phases.ts"
import { adminSessions, scratch } from "../Scratch.ts"

/** Appended and relayed at a time; the last of them before a size is what is measured there. */
const blockEvents = 10_000

/**
 * A session that has looked at the database and goes on seeing it so, as a long report or a forgotten transaction does.
 * Whatever was deleted or updated since then cannot be vacuumed. It ends with the scope.
 */
const holdSnapshot = Effect.gen(function* () {
  const sql = yield* adminSessions
  const held = yield* Deferred.make<void>()
  const looking = Effect.andThen(sql`SELECT pg_current_snapshot()::text`, Deferred.succeed(held, undefined))
  yield* Effect.andThen(looking, Effect.never).pipe(
    sql.withTransaction,
    Effect.provideService(SqlClient.BeginTransaction, "BEGIN ISOLATION LEVEL REPEATABLE READ"),
    Effect.forkScoped
  )
  yield* Deferred.await(held)
})

/** Fills and drains block by block up to each size, and returns what the last block before it cost. */
const drained = Effect.fnUntraced(function* (sizes: ReadonlyArray<number>, isHeld: boolean) {
  const load = { ...usual, events: Math.max(...sizes) }
  const { services, stream } = yield* scratch("outbox", streamBytesOf(load))
  if (isHeld) yield* holdSnapshot
  const costs = new Map<number, Phases>()
  let rows = 0
  while (rows < load.events) {
    const next = sizes.find((size) => size > rows) ?? load.events
    const events = Math.min(blockEvents, next - rows)
    const cost = yield* phases(services, stream, { ...load, events })
    rows += events
    costs.set(rows, cost)
  }
  return sizes.flatMap((size) => {
    const cost = costs.get(size)
    return cost === undefined ? [] : [{ size, cost }]
  })
}, Effect.scoped)

export const outboxGrowth: Growth = {
  name: "outbox",
  what: "an outbox filled and drained while an old snapshot is held: its dead rows stay",
  axis: "dead rows",
  sizes: (extent) => (extent === "quick" ? [1_000, 10_000, 40_000] : [1_000, 10_000, 100_000, 1_000_000]),
  isMoreWork: false,
  settings: () =>
    `blocks of at most ${blockEvents.toLocaleString("en")} events of ${usual.bytes} B, ${usual.keys.toLocaleString("en")} keys; each point is the last block before it; without a snapshot as many were drained`,
  measure: Effect.fnUntraced(function* (wanted) {
    const sizes = wanted.toSorted((a, b) => a - b)
    const free = yield* drained(sizes, false)
    const held = yield* drained(sizes, true)
    return [
      ...held.flatMap(({ cost, size }): ReadonlyArray<Sample> => [
        { series: "append", size, cost: cost.append },
        { series: "relay", size, cost: cost.relay },
        { series: "consume", size, cost: cost.consume }
      ]),
      ...free.map(({ cost, size }): Sample => ({ series: "relay, no snapshot held", size, cost: cost.relay }))
    ]
  })
}
