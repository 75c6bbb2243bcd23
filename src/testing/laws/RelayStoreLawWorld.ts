import { Effect } from "effect"
import type { OutboxRow } from "../../pipeline/Envelope.ts"
import { Inbox } from "../../pipeline/Inbox.ts"
import { Ownership } from "../../pipeline/Ownership.ts"
import { RelayStore } from "../../pipeline/RelayStore.ts"
import { append, commitOf, freshStream, present, rowsIn } from "./LawWorld.ts"
import { LeaseClock } from "./LeaseClock.ts"

/** Before anything was published. */
export const start = { lastSeq: 0, streamCreated: "" }

/** An event of a key, or a place in the stream. */
export const at = (lastSeq: number, streamCreated = "monday") => ({ lastSeq, streamCreated })

/** What identifies rows. */
export const refsOf = (rows: ReadonlyArray<OutboxRow>) =>
  rows.map(({ eventId, id }, i) => ({ outboxId: id, eventId, seq: i + 1 }))

/** A leader of a fresh stream with these rows in the outbox. */
export const leading = Effect.fnUntraced(function* (...keys: ReadonlyArray<string>) {
  const stream = yield* freshStream
  const store = yield* RelayStore
  yield* append(stream, keys)
  const lease = yield* present(yield* store.acquire(stream, "ada"))
  return { stream, store, lease, rows: yield* rowsIn(stream), expire: (yield* LeaseClock).expire(stream) }
})

/** A partition of each of two handlers, handled so far. */
export const handled = Effect.fnUntraced(function* (stream: string, upTo: readonly [number, number]) {
  const ownership = yield* Ownership
  const inbox = yield* Inbox
  const handlers = ["mail", "points"]
  yield* ownership.declare(stream, handlers, 1)
  const claims = yield* Effect.forEach(handlers, (handler) =>
    ownership.claim(stream, "ada", [{ handler, partition: 0 }])
  )
  const open = yield* Effect.forEach(claims.flat(), ownership.open)
  yield* Effect.forEach(open, (claim, i) => inbox.commitOne(commitOf(claim, [], upTo[i] ?? 0)))
  const cursors = Effect.map(
    Effect.forEach(open, (claim) => ownership.renew([claim])),
    (renewed) => renewed.flat().map((claim) => claim.cursor)
  )
  return { cursors }
})
