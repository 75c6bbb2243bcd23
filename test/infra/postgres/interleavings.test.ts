import { assert, layer } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Ref } from "effect"
import { SqlClient } from "effect/sql"
import { type EffectRecord, judge, type Judgement } from "../../../src/pipeline/Oracle.ts"
import { Outbox } from "../../../src/pipeline/Outbox.ts"
import { RelayStore } from "../../../src/pipeline/RelayStore.ts"
import { Transactor } from "../../../src/pipeline/Transactor.ts"
import { entryOf, pgWorld } from "./PgWorld.ts"

// In the spirit of examples/outbox-interleavings.mjs: adversarial writers, one real drain and three wrong ones. A suite
// that does not catch the wrong ones would not notice when the real one became like them.

const stream = "interleavings"
const writers = 16
const keys = 6
const lastingMs = 3_000
const sweepEvery = 40

const below = (bound: number) => Math.floor(Math.random() * bound)

const think = Effect.suspend(() => (Math.random() < 0.25 ? Effect.sleep(below(6)) : Effect.void))

const setUp = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  for (const table of ["unproven_bound", "before_lock", "cursor_over_ids"])
    yield* sql.unsafe(`CREATE TABLE ${table} (id bigserial PRIMARY KEY, key text NOT NULL, version bigint)`)
})

/** One transaction: the same event in the real outbox and in the three wrong ones. Returns the key, if it committed. */
const write = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const outbox = yield* Outbox
  const transactor = yield* Transactor
  const key = `key ${below(keys)}`
  const work = Effect.gen(function* () {
    yield* think
    // Wrong: the row's id is drawn before the key's lock is held.
    const [early] = yield* sql<{ readonly id: bigint }>`INSERT INTO before_lock (key) VALUES (${key}) RETURNING id`
    yield* think
    const [appended] = yield* outbox.append(stream, [entryOf(key)], {})
    const version = appended?.version ?? 0
    yield* sql`UPDATE before_lock SET version = ${version} WHERE id = ${early?.id ?? 0n}`
    yield* sql`INSERT INTO unproven_bound (key, version) VALUES (${key}, ${version})`
    yield* sql`INSERT INTO cursor_over_ids (key, version) VALUES (${key}, ${version})`
    yield* think
    if (Math.random() < 0.05) return yield* Effect.fail("roll back")
  })
  const exit = yield* Effect.exit(transactor.run(work))
  return Exit.isSuccess(exit) ? [key] : []
})

/** What a drain published, in that order. */
interface Drain {
  readonly published: Array<EffectRecord>
  readonly turn: Effect.Effect<number, unknown, SqlClient.SqlClient | RelayStore>
}

const record = (
  drain: Pick<Drain, "published">,
  rows: ReadonlyArray<{ readonly key: string; readonly version: number; readonly eventId: string }>
) => rows.forEach((row) => drain.published.push({ ...row, position: drain.published.length }))

const realDrain = Effect.gen(function* () {
  const store = yield* RelayStore
  const lease = yield* store.acquire(stream, "the relay")
  if (lease === undefined) return yield* Effect.die("the lease is free")
  let { position } = yield* store.renew(lease)
  const published: Array<EffectRecord> = []
  const turn = Effect.gen(function* () {
    const rows = yield* store.read(stream, 50, [])
    if (rows.length === 0) return 0
    record({ published }, rows)
    const to = { lastSeq: position.lastSeq + rows.length, streamCreated: "" }
    const gone = yield* store.acknowledge(
      lease,
      position,
      to,
      rows.map(({ eventId, id }, i) => ({ outboxId: id, eventId, seq: i + 1 })),
      false
    )
    assert.strictEqual(gone, rows.length)
    position = to
    return gone
  })
  return { published, turn } satisfies Drain
})

interface WrongRow {
  readonly id: bigint
  readonly key: string
  readonly version: bigint
}

/** Lowest id first, at or above a bound that is asked for each time, and deletes what it took. */
const wrongDrain = (table: string, bound: (last: bigint) => bigint): Drain => {
  const published: Array<EffectRecord> = []
  let last = 0n
  const turn = Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql<WrongRow>`
      SELECT id, key, version FROM ${sql(table)} WHERE id >= ${bound(last)} ORDER BY id LIMIT 50`
    if (rows.length === 0) return 0
    record(
      { published },
      rows.map((row) => ({ key: row.key, version: Number(row.version), eventId: String(row.id) }))
    )
    for (const { id } of rows) if (id > last) last = id
    yield* sql`DELETE FROM ${sql(table)} WHERE id = ANY(${rows.map((row) => row.id)}::bigint[])`
    return rows.length
  })
  return { published, turn }
}

layer(pgWorld, { excludeTestServices: true, timeout: "60 seconds" })("adversarial writers", (it) => {
  it.effect(
    "the drain loses and reorders nothing; an unproven bound, a row drawn before the lock and a cursor over ids do",
    () =>
      Effect.gen(function* () {
        yield* setUp
        const writing = yield* Ref.make(true)
        let sweeping = 0
        const drains = [
          yield* realDrain,
          // Wrong: "everything below the last published id is gone", with a full sweep now and then.
          wrongDrain("unproven_bound", (last) => ((sweeping += 1) % sweepEvery === 0 ? 0n : last + 1n)),
          wrongDrain("before_lock", () => 0n),
          // Wrong: what commits later than a higher id is never looked at again.
          wrongDrain("cursor_over_ids", (last) => last + 1n)
        ]
        const running = yield* Effect.forEach(drains, ({ turn }) =>
          turn.pipe(
            Effect.flatMap((taken) => (taken === 0 ? Effect.sleep("3 millis") : Effect.void)),
            Effect.repeat({ while: () => Ref.get(writing) }),
            Effect.forkChild
          )
        )
        const counts = new Map<string, number>()
        const end = (yield* Clock.currentTimeMillis) + lastingMs
        const writer = write.pipe(
          Effect.map((committed) => committed.forEach((key) => counts.set(key, (counts.get(key) ?? 0) + 1))),
          Effect.repeat({ while: () => Effect.map(Clock.currentTimeMillis, (now) => now < end) })
        )
        yield* Effect.all(
          Array.from({ length: writers }, () => writer),
          { concurrency: "unbounded", discard: true }
        )
        yield* Ref.set(writing, false)
        yield* Effect.forEach(running, Fiber.join)
        // As many empty looks as it takes the wrong bound to sweep.
        for (const { turn } of drains)
          yield* Effect.forEach(Array.from({ length: 2 * sweepEvery }), () =>
            Effect.repeat(turn, { until: (taken) => taken === 0 })
          )
        const verdicts = drains.map(({ published }): Judgement => judge(counts, published))
        const [real, unproven, early, cursor] = verdicts
        assert.isTrue(real?.ok, JSON.stringify(real?.faults))
        assert.isAbove(real?.committed ?? 0, 300)
        assert.isAbove(unproven?.outOfOrder ?? 0, 0, "an unproven bound must be caught")
        assert.isAbove(early?.outOfOrder ?? 0, 0, "a row drawn before the lock must be caught")
        assert.isAbove(cursor?.lost ?? 0, 0, "a cursor over ids must be caught")
      }),
    30_000
  )
})
