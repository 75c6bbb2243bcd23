import { Effect } from "effect"
import { EventLog } from "../../pipeline/EventLog.ts"
import { freshLog, rowsOf } from "./LawWorld.ts"

/** A log of its own. */
export const declared = Effect.fnUntraced(function* (partitions = 1) {
  const log = yield* EventLog
  const declaration = freshLog(partitions)
  yield* log.declare(declaration)
  return { log, declaration, lastSeq: Effect.map(log.info(declaration.name), (info) => info.lastSeq) }
})

/** So many rows, of one key each. */
export const many = (count: number, firstId = 1) =>
  rowsOf(
    Array.from({ length: count }, (_, i) => `key ${i % 7}`),
    firstId
  )

/** 1, 2, 3 … */
export const from1to = (last: number) => Array.from({ length: last }, (_, i) => i + 1)
