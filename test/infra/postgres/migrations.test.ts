import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { migrate, pipelineMigrations } from "../../../src/infra/postgres/Migrations.ts"
import { migratePipeline } from "../../../src/infra/postgres/PipelineTables.ts"
import { partitionOf, slotOf } from "../../../src/pipeline/Partition.ts"
import { ownPostgres } from "./PgWorld.ts"

const before = Object.fromEntries(Object.entries(pipelineMigrations).slice(0, 4))

describe("a database of the version before", () => {
  it.live(
    "keeps what is parked, with its reason, and where it belongs",
    () =>
      Effect.gen(function* () {
        const { url } = yield* ownPostgres
        yield* Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* migrate("millrace_migrations", before)
          yield* sql`INSERT INTO millrace.relay (stream, partitions) VALUES ('orders', 16)`
          yield* sql`INSERT INTO millrace.progress (stream, handler, key, version, parked)
            VALUES ('orders', 'mail', 'ada', 4, true), ('orders', 'mail', 'bob', 9, false), ('orders', 'push', 'eve', 1, true)`
          yield* sql`INSERT INTO millrace.parked_event (stream, handler, key, version, event_id, type, traceparent, payload,
              seq, outbox_id, reason_tag, reason_message, attempts)
            VALUES ('orders', 'mail', 'ada', 3, gen_random_uuid(), 'paid', '', '{}', 7, 7, 'MailFailed', 'no answer', 8),
              ('orders', 'mail', 'ada', 4, gen_random_uuid(), 'shipped', '', '{}', 8, 8, NULL, NULL, NULL)`
          yield* migratePipeline
          const keys =
            yield* sql`SELECT handler, key, partition, status, attempts, reason_tag AS tag, reason_message AS message
            FROM millrace.parked_key ORDER BY key`
          const partition = (key: string) => partitionOf(slotOf(key), { partitions: 16 })
          assert.deepStrictEqual(keys, [
            {
              handler: "mail",
              key: "ada",
              partition: partition("ada"),
              status: "parked",
              attempts: 8,
              tag: "MailFailed",
              message: "no answer"
            },
            {
              handler: "push",
              key: "eve",
              partition: partition("eve"),
              status: "parked",
              attempts: 0,
              tag: "",
              message: ""
            }
          ])
          const events = yield* sql`SELECT version::int AS version FROM millrace.parked_event ORDER BY version`
          assert.deepStrictEqual(events, [{ version: 3 }, { version: 4 }])
        }).pipe(Effect.provide(PgClient.layer({ url })))
      }).pipe(Effect.scoped),
    60_000
  )
})
