import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { ControlDesk } from "../../../src/pipeline/ControlDesk.ts"
import { Ownership } from "../../../src/pipeline/Ownership.ts"
import { RelayStore } from "../../../src/pipeline/RelayStore.ts"
import { freshStream, pgWorld } from "./PgWorld.ts"

const by = { actor: "ada", why: "more machines" }

const led = Effect.gen(function* () {
  const stream = yield* freshStream
  yield* (yield* Ownership).declare(stream, ["mail"], 8)
  const store = yield* RelayStore
  const lease = (yield* store.acquire(stream, "relay")) ?? (yield* Effect.die("nobody leads"))
  return { stream, store, lease }
})

/** As the version before migration 0009 declares a stream, and compares the answer with its own number. */
const declaredBefore = Effect.fnUntraced(function* (stream: string, partitions: number) {
  const sql = yield* SqlClient.SqlClient
  const [known] = yield* sql<{ readonly partitions: number }>`
    INSERT INTO millrace.relay AS r (stream, partitions) VALUES (${stream}, ${partitions})
    ON CONFLICT (stream) DO UPDATE SET partitions = coalesce(r.partitions, excluded.partitions)
    RETURNING partitions`
  return known?.partitions
})

layer(pgWorld, { excludeTestServices: true, timeout: "60 seconds" })(
  "versions that know one number of partitions only",
  (it) => {
    it.effect("do not start once it was changed, not even with the number there is", () =>
      Effect.gen(function* () {
        const { lease, store, stream } = yield* led
        assert.strictEqual(yield* declaredBefore(stream, 8), 8)
        const sixteen = { first: 8, partitions: 16 }
        yield* store.adopt(lease, [{ first: 0, partitions: 8, ends: Array.from({ length: 8 }, () => 0) }], sixteen)
        yield* store.adopt(lease, [{ ...sixteen, ends: Array.from({ length: 16 }, () => 0) }], {
          first: 24,
          partitions: 8
        })
        assert.isBelow((yield* declaredBefore(stream, 8)) ?? 8, 1)
        assert.deepStrictEqual((yield* (yield* Ownership).declare(stream, [], 8)).topology, {
          first: 24,
          partitions: 8
        })
      })
    )

    it.effect("are waited for, when one was started behind the wish", () =>
      Effect.gen(function* () {
        const { lease, store, stream } = yield* led
        const sql = yield* SqlClient.SqlClient
        assert.strictEqual((yield* (yield* ControlDesk).repartition(stream, 16, by))._tag, "wanted")
        yield* sql`INSERT INTO millrace.instance (stream, id, host, app_version, roles, handlers, expires_at)
        VALUES (${stream}, 'before', '', '', '{}', '{}', clock_timestamp() + interval '3 seconds')`
        assert.isUndefined((yield* store.renew(lease)).wanted)
        yield* sql`DELETE FROM millrace.instance WHERE stream = ${stream} AND id = 'before'`
        assert.strictEqual((yield* store.renew(lease)).wanted, 16)
      })
    )
  }
)
