import { Duration, Effect } from "effect"
import type { Source } from "./BalancedHand.ts"
import { EventLedger } from "./EventLedger.ts"
import { EventLog } from "./EventLog.ts"
import type { Claim } from "./Ownership.ts"
import { signal } from "./Signals.ts"

/** How often the floor is moved; as much comes again when the consumer has to be made anew. */
export const floorEvery = Duration.seconds(5)

/** Events that are looked for in the ledger one by one, at a time, when it has fewer entries than the stream has events. */
export const provenEventsMax = 1_000

/**
 * Moves the floor of a balanced handler in the store to what the broker says is acknowledged, if the ledger has it, and
 * says what is missing behind it. The owner of the handler's partition 0 does it for all. Nothing is asked of the store
 * while nothing moves.
 *
 * Guarantees: the broker is never believed. What it has behind it, and the ledger has not (a store that was restored, or
 * that failed over to a standby; a broker that lost its tail), comes again, from a consumer that is made anew.
 */
export const makeFloorKeeper = Effect.fnUntraced(function* (
  stream: string,
  handler: string,
  claim: () => Claim | undefined
) {
  const ledger = yield* EventLedger
  const log = yield* EventLog
  const last = { claim: "", afterSeq: 0 }

  const tell = (
    gaps: ReadonlyArray<{ readonly key: string; readonly handledVersion: number; readonly version: number }>
  ) => Effect.forEach(gaps, (gap) => signal({ _tag: "OrderViolated", handler, ...gap }), { discard: true })

  /** Looks for the next events in the ledger, one by one. The sequence up to which all of them are there; undefined: not all. */
  const prove = Effect.fnUntraced(function* (afterSeq: number, toSeq: number) {
    const upTo = Math.min(toSeq, afterSeq + provenEventsMax)
    const refs = yield* log.refs(stream, afterSeq, upTo)
    const done = yield* ledger.isDone(stream, handler, refs)
    return done.every((one) => one) ? upTo : undefined
  })

  const beginAgain = Effect.fnUntraced(function* ({ subscription }: Source, afterSeq: number) {
    yield* signal({ _tag: "LedgerBehind", handler, afterSeq })
    yield* subscription.forget
  })

  const move = Effect.fnUntraced(function* (source: Source, owned: Claim) {
    const { delivered, floor } = yield* source.subscription.position
    const { firstSeq, lastSeq } = yield* log.info(stream)
    // It has sequences behind it that the stream will give to others.
    if (delivered > lastSeq) return yield* beginAgain(source, lastSeq)
    const place = `${owned.epoch} ${owned.opening} ${source.generation}`
    if (last.claim === place && last.afterSeq === floor) return
    const to = { claim: owned, generation: source.generation, firstSeq, afterSeq: floor, isProven: false }
    for (let isOver = false; !isOver;) {
      const whole = yield* ledger.advance(to)
      if (whole._tag === "refused") return
      if (whole._tag === "moved") {
        isOver = true
        yield* tell(whole.gaps)
        continue
      }
      const upTo = yield* prove(whole.afterSeq, floor)
      if (upTo === undefined) return yield* beginAgain(source, whole.afterSeq)
      const some = yield* ledger.advance({ ...to, afterSeq: upTo, isProven: true })
      if (some._tag !== "moved") return
      yield* tell(some.gaps)
      isOver = upTo >= floor
    }
    Object.assign(last, { claim: place, afterSeq: floor })
  })

  return (source: Source) =>
    Effect.suspend(() => {
      const owned = claim()
      return owned === undefined ? Effect.void : move(source, owned)
    })
})
