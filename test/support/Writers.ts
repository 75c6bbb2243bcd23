import { Effect } from "effect"
import type { Appended } from "../../src/pipeline/Outbox.ts"
import { Transactor } from "../../src/pipeline/Transactor.ts"
import { noteStream } from "./Ledger.ts"
import type { Random } from "./Random.ts"

/** What the writers did. */
export interface Written {
  readonly committed: ReadonlyArray<Appended>
  /** Appended in transactions or savepoints that were rolled back. */
  readonly rolledBack: ReadonlyArray<Appended>
}

const keys = ["ada", "bob.smith", "café *", ">", "\"q\" 'uote'", "日本"] as const

/** Some writers at once, each with one random transaction after the other. */
export const write = Effect.fnUntraced(function* (random: Random) {
  const written = { committed: new Array<Appended>(), rolledBack: new Array<Appended>() }
  const writers = Array.from({ length: random.between(1, 4) }, () => oneWriter(random, written))
  yield* Effect.all(writers, { concurrency: "unbounded", discard: true })
  const result: Written = written
  return result
})

interface Book {
  readonly committed: Array<Appended>
  readonly rolledBack: Array<Appended>
}

const oneWriter = Effect.fnUntraced(function* (random: Random, book: Book) {
  const transactions = random.between(3, 8)
  for (let i = 0; i < transactions; i++) {
    if (random.chance(0.6)) yield* Effect.sleep(random.between(0, 700))
    yield* oneTransaction(random, book)
  }
})

const oneTransaction = Effect.fnUntraced(function* (random: Random, book: Book) {
  const transactor = yield* Transactor
  const appended: Array<Appended> = []
  const exit = yield* transactor.run(body(random, book, appended)).pipe(Effect.exit)
  const list = exit._tag === "Success" ? book.committed : book.rolledBack
  list.push(...appended)
})

const body = Effect.fnUntraced(function* (random: Random, book: Book, appended: Array<Appended>) {
  const transactor = yield* Transactor
  if (random.chance(0.3)) yield* Effect.sleep(random.between(0, 20))
  appended.push(...(yield* append(random)))
  if (random.chance(0.2)) {
    const lost = append(random).pipe(Effect.map((gone) => book.rolledBack.push(...gone)))
    yield* transactor.run(Effect.andThen(lost, Effect.fail("savepoint rolled back"))).pipe(Effect.exit)
    appended.push(...(yield* append(random)))
  }
  if (random.chance(0.3)) yield* Effect.sleep(random.between(0, 20))
  if (random.chance(0.2)) return yield* Effect.fail("rolled back")
})

const append = (random: Random) =>
  noteStream.append(
    Array.from({ length: random.between(1, 5) }, (_, i) => ({
      _tag: "Noted" as const,
      key: random.pick(keys),
      text: `note ${i}`
    }))
  )
