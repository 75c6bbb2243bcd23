import { assert, layer } from "@effect/vitest"
import { Duration, Effect, Exit, Layer, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { transactional } from "../../../src/pipeline/Handler.ts"
import * as Pipeline from "../../../src/pipeline/Pipeline.ts"
import { retryPolicy } from "../../../src/pipeline/RetryPolicy.ts"
import { SignalSink } from "../../../src/pipeline/Signals.ts"
import { Transactor } from "../../../src/pipeline/Transactor.ts"
import { noteStream } from "../../support/Ledger.ts"
import { eventually } from "../../support/servers/Eventually.ts"
import { pgWorld } from "./PgWorld.ts"

const retry = retryPolicy({
  attemptsMax: 2,
  delayMax: Duration.millis(300),
  attemptTimeout: Duration.seconds(10)
})

/** Longer than Postgres lets a transaction stand still. */
const idle = "2500 millis"

const options = { partitions: 1, instance: { id: "one", host: "test", version: "test", roles: [] } }

layer(pgWorld, { excludeTestServices: true, timeout: "60 seconds" })(
  "a handler that leaves its transaction idle",
  (it) => {
    it.effect(
      "is parked after its attempts, and the other keys of its batch are handled once",
      () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* sql`CREATE TABLE done (key text)`
          const note = (key: string) => Effect.asVoid(sql`INSERT INTO done VALUES (${key})`)
          const handler = transactional(noteStream, "sleepy", { retry }, ({ key }) => {
            if (key === "first") return Effect.andThen(Effect.sleep(idle), note(key))
            return key === "last" ? Effect.andThen(note(key), Effect.sleep(idle)) : note(key)
          })
          const scope = yield* Scope.make()
          yield* Layer.buildWithScope(Pipeline.layer(noteStream, [handler], options), scope)
          const { run } = yield* Transactor
          yield* run(
            noteStream.append(["ada", "first", "bob", "last"].map((key) => ({ _tag: "Noted" as const, key, text: "" })))
          )
          yield* eventually(
            "the idle keys parked",
            Effect.map(sql`SELECT 1 FROM millrace.parked_event WHERE handler = 'sleepy'`, (rows) => rows.length === 2),
            30
          )
          const parked =
            yield* sql`SELECT key, reason_tag, attempts FROM millrace.parked_key WHERE handler = 'sleepy' ORDER BY key`
          assert.deepStrictEqual(parked, [
            { key: "first", reason_tag: "TransactionIdle", attempts: 2 },
            { key: "last", reason_tag: "TransactionIdle", attempts: 2 }
          ])
          assert.deepStrictEqual(yield* sql`SELECT key FROM done ORDER BY key`, [{ key: "ada" }, { key: "bob" }])
          yield* Scope.close(scope, Exit.void)
        }).pipe(Effect.provideService(SignalSink, () => Effect.void)),
      40_000
    )
  }
)
