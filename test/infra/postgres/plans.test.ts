// What statements read does not depend on what the planner believes: it believes a table that was empty when it was counted
// last to be empty, however many rows it has by now.
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { Inbox } from "../../../src/pipeline/Inbox.ts"
import { Outbox } from "../../../src/pipeline/Outbox.ts"
import { Ownership } from "../../../src/pipeline/Ownership.ts"
import { RelayStore } from "../../../src/pipeline/RelayStore.ts"
import { Transactor } from "../../../src/pipeline/Transactor.ts"
import { query } from "../embedded/Clients.ts"
import { commitOf, entryOf, freshStream, PgUnderTest, pgWorld } from "./PgWorld.ts"

const waiting = 5_000

const some = 100

const append = Effect.fnUntraced(function* (stream: string, count: number) {
  const { run } = yield* Transactor
  const outbox = yield* Outbox
  for (let from = 0; from < count; from += 1_000) {
    const keys = Array.from({ length: Math.min(1_000, count - from) }, (_, i) => `key-${from + i}`)
    yield* run(outbox.append(stream, keys.map(entryOf), {}))
  }
})

/** Counted as empty, and never counted again. */
const countedEmpty = (table: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.forEach(
      [`ALTER TABLE millrace.${table} SET (autovacuum_enabled = false)`, `ANALYZE millrace.${table}`],
      (statement) => sql.unsafe(statement)
    )
  )

/** A session tells its numbers with the first statement that ends so long after it told the last ones. */
const told = Effect.sleep("1500 millis")

/** Rows of a table that statements have read. */
const rowsRead = Effect.fnUntraced(function* (table: string) {
  const { url } = yield* PgUnderTest
  yield* told
  const [row] = yield* query(
    url,
    `SELECT (seq_tup_read + idx_tup_fetch)::int AS n FROM pg_stat_user_tables WHERE schemaname = 'millrace' AND relname = '${table}'`
  )
  return Number(Object(row).n)
})

layer(pgWorld, { excludeTestServices: true, timeout: "60 seconds" })(
  "a table that was counted when it was empty",
  (it) => {
    it.effect("the relay reads its rows and takes them out of the outbox without looking at those behind them", () =>
      Effect.gen(function* () {
        const stream = yield* freshStream
        const store = yield* RelayStore
        yield* countedEmpty("outbox")
        yield* append(stream, waiting)
        const lease = yield* store.acquire(stream, "ada")
        if (lease === undefined) return assert.fail("nobody else has it")
        const before = yield* rowsRead("outbox")
        const rows = yield* store.read(stream, some, [])
        yield* told
        const refs = rows.map(({ eventId, id }, i) => ({ eventId, outboxId: id, seq: i + 1 }))
        const to = { lastSeq: some, streamCreated: "monday" }
        yield* store.acknowledge(lease, { lastSeq: 0, streamCreated: "" }, to, refs, false)
        assert.isAtMost((yield* rowsRead("outbox")) - before, 4 * some)
      })
    )

    it.effect("a commit looks its keys up without reading the others", () =>
      Effect.gen(function* () {
        const stream = yield* freshStream
        const ownership = yield* Ownership
        const inbox = yield* Inbox
        yield* countedEmpty("progress")
        yield* ownership.declare(stream, ["mail"], 1)
        const [claim] = yield* ownership.claim(stream, "ada", [{ handler: "mail", partition: 0 }])
        if (claim === undefined) return assert.fail("nobody else has it")
        const open = yield* ownership.open(claim)
        const keys = Array.from({ length: waiting }, (_, i) => `key-${i}`)
        yield* inbox.commitOne(commitOf(open, keys.slice(some), waiting))
        const before = yield* rowsRead("progress")
        yield* inbox.commitOne({ ...commitOf(open, keys.slice(0, some), waiting + some), cursorFrom: waiting })
        assert.isAtMost((yield* rowsRead("progress")) - before, 4 * some)
      })
    )
  }
)
