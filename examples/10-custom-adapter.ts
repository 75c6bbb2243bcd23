/**
 * An adapter of your own, and the laws it has to keep: the ledger of outside effects in SQLite instead of Postgres.
 *
 *     node examples/10-custom-adapter.ts
 */
import { DatabaseSync } from "node:sqlite"
import { Clock, Console, Duration, Effect, Layer } from "effect"
import { EffectLedger } from "../src/pipeline/EffectLedger.ts"
import { adapterLaws, checkLaws } from "../src/testing/laws/AdapterLaws.ts"

const create = `CREATE TABLE effect (stream TEXT, handler TEXT, key TEXT, intended_at INTEGER NOT NULL, confirmed_at INTEGER,
  PRIMARY KEY (stream, handler, key))`

const open = Effect.acquireRelease(
  Effect.sync(() => {
    const database = new DatabaseSync(":memory:")
    database.exec(create)
    return database
  }),
  (database) => Effect.sync(() => database.close())
)

type Intent = Effect.Success<ReturnType<EffectLedger["Service"]["intend"]>>[number]

/** SQLite answers at once, so each operation is one step that nobody comes between. */
const sqliteLedger = Layer.effect(
  EffectLedger,
  Effect.map(open, (database) => {
    const find = database.prepare("SELECT confirmed_at FROM effect WHERE stream = ? AND handler = ? AND key = ?")
    const insert = database.prepare("INSERT INTO effect VALUES (?, ?, ?, ?, NULL)")
    const confirm = database.prepare("UPDATE effect SET confirmed_at = ? WHERE stream = ? AND handler = ? AND key = ?")
    const forget = database.prepare("DELETE FROM effect WHERE stream = ? AND handler = ? AND confirmed_at <= ?")
    const intendOne = (stream: string, handler: string, key: string, nowMs: number): Intent => {
      const row = find.get(stream, handler, key)
      if (row === undefined) insert.run(stream, handler, key, nowMs)
      if (row === undefined) return "new"
      return row.confirmed_at === null ? "intended" : "confirmed"
    }
    return EffectLedger.of({
      intend: (stream, handler, keys) =>
        Effect.map(Clock.currentTimeMillis, (nowMs) => keys.map((key) => intendOne(stream, handler, key, nowMs))),
      confirm: (stream, handler, keys) =>
        Effect.map(Clock.currentTimeMillis, (nowMs) => {
          for (const key of keys) confirm.run(nowMs, stream, handler, key)
        }),
      forget: (stream, handler, olderThan) =>
        Effect.map(Clock.currentTimeMillis, (nowMs) =>
          Number(forget.run(stream, handler, nowMs - Duration.toMillis(olderThan)).changes)
        )
    })
  })
)

/** The same with a mistake: it takes every effect for one that was never begun, and would have it made twice. */
const careless = Layer.effect(
  EffectLedger,
  Effect.map(EffectLedger, (ledger) => ({
    ...ledger,
    intend: (stream: string, handler: string, keys: ReadonlyArray<string>) =>
      Effect.as(
        ledger.intend(stream, handler, keys),
        keys.map((): Intent => "new")
      )
  }))
).pipe(Layer.provide(sqliteLedger))

const main = Effect.gen(function* () {
  const kept = yield* checkLaws(adapterLaws.effectLedger, sqliteLedger)
  yield* Console.log(`in SQLite: all ${kept} laws of an effect ledger are kept`)
  const error = yield* Effect.flip(checkLaws(adapterLaws.effectLedger, careless))
  yield* Console.log(`with a mistake: ${error.broken.map(({ law }) => `"${law}"`).join(" and ")} broken`)
})

await Effect.runPromise(main)
