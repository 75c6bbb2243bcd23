import { Effect } from "effect"
import { Transactor } from "../../pipeline/Transactor.ts"

/** A table in memory that takes part in memory transactions: what a rolled-back one wrote is undone. */
export interface MemoryTable<K, V> {
  readonly rows: ReadonlyMap<K, V>
  readonly set: (key: K, value: V) => Effect.Effect<void>
}

/** An empty table. */
export const makeMemoryTable = Effect.fnUntraced(function* <K, V>(): Effect.fn.Return<
  MemoryTable<K, V>,
  never,
  Transactor
> {
  const transactor = yield* Transactor
  const rows = new Map<K, V>()
  const restore = (key: K, before: V | undefined) =>
    Effect.sync(() => {
      if (before === undefined) rows.delete(key)
      else rows.set(key, before)
    })
  const set = Effect.fnUntraced(function* (key: K, value: V) {
    yield* transactor.onRollback(restore(key, rows.get(key)))
    rows.set(key, value)
  })
  return { rows, set }
})
