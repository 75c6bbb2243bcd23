import { Effect } from "effect"
import { Transactor } from "../../src/pipeline/Transactor.ts"
import type { Random } from "../../src/testing/Random.ts"
import { noteStream } from "./Ledger.ts"

const keys = ["ada", "bob.smith", "café *", ">", "\"q\" 'uote'", "日本"] as const

/** One random transaction: appends, savepoints that are rolled back, pauses, and now and then a failure in the end. */
export const writeNotes = (random: Random) =>
  Effect.flatMap(Transactor, (transactor) => transactor.run(body(transactor, random)))

const body = Effect.fnUntraced(function* (transactor: Transactor["Service"], random: Random) {
  if (random.chance(0.3)) yield* Effect.sleep(random.between(0, 20))
  yield* append(random)
  if (random.chance(0.2)) {
    yield* transactor.run(Effect.andThen(append(random), Effect.fail("savepoint rolled back"))).pipe(Effect.exit)
    yield* append(random)
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
