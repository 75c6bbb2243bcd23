import { Duration, Effect } from "effect"
import type { Source } from "./BalancedHand.ts"
import { type Advance, EventLedger } from "./EventLedger.ts"
import { EventLog } from "./EventLog.ts"
import type { Claim } from "./Ownership.ts"
import { signal } from "./Signals.ts"

/** How often the floor is moved; as much comes again when the consumer has to be made anew. */
export const floorEvery = Duration.seconds(5)

/** Looks at a floor that stands still for each that the store is asked about: every half a minute. */
const looksPerQuestion = 6

/** Events that are looked for in the ledger one by one, at a time, when it has fewer entries than the stream has events. */
export const provenEventsMax = 1_000

/**
 * Moves the floor of a balanced handler in the store to what the broker says is acknowledged, if the ledger has it, and
 * says what is missing behind it. The owner of the handler's first partition does it for all. Nothing is asked of the store
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
  const last = { claim: "", afterSeq: 0, looks: 0 }
  const moveTo = yield* makeMove(stream, handler)

  // The stream second, or what is published in between would look like a consumer that is ahead.
  const look = Effect.fnUntraced(function* ({ subscription }: Source) {
    const position = yield* subscription.position
    const { firstSeq, lastSeq } = yield* log.info(stream)
    return { ...position, firstSeq, lastSeq }
  })

  const move = Effect.fnUntraced(function* (source: Source, owned: Claim) {
    const once = yield* look(source)
    // An answer may be stale.
    const seen = isAhead(once) ? yield* look(source) : once
    const { delivered, firstSeq, floor, lastSeq } = seen
    if (isAhead(seen)) {
      const here = { claim: owned, generation: source.generation, firstSeq: 1, afterSeq: 0, isProven: true }
      const answer = yield* ledger.advance(here)
      if (answer._tag === "refused") return
      yield* signal({ _tag: "ConsumerAhead", handler, deliveredSeq: delivered, lastSeq })
      return yield* source.subscription.forget
    }
    const place = `${owned.epoch} ${owned.opening} ${source.generation}`
    last.looks = last.claim === place && last.afterSeq === floor ? last.looks + 1 : 0
    // Also when nothing moves: a store that failed over may have less than it had.
    if (last.looks % looksPerQuestion !== 0) return
    const to = { claim: owned, generation: source.generation, firstSeq, afterSeq: floor, isProven: false }
    if (yield* moveTo(source, to)) Object.assign(last, { claim: place, afterSeq: floor })
  })

  return (source: Source) =>
    Effect.suspend(() => {
      const owned = claim()
      return owned === undefined ? Effect.void : move(source, owned)
    })
})

/** It has sequences behind it that the stream will give to others. */
const isAhead = ({ delivered, lastSeq }: { readonly delivered: number; readonly lastSeq: number }) =>
  delivered > lastSeq

/** Moves a floor as far as the ledger has it, or begins again where it has not. */
const makeMove = Effect.fnUntraced(function* (stream: string, handler: string) {
  const ledger = yield* EventLedger
  const log = yield* EventLog

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

  /** True: the floor is there. */
  return Effect.fnUntraced(function* (source: Source, to: Advance) {
    while (true) {
      const whole = yield* ledger.advance(to)
      if (whole._tag === "refused") return false
      if (whole._tag === "moved") return yield* Effect.as(tell(whole.gaps), true)
      const upTo = yield* prove(whole.afterSeq, to.afterSeq)
      if (upTo === undefined) return yield* Effect.as(beginAgain(source, whole.afterSeq), false)
      const some = yield* ledger.advance({ ...to, afterSeq: upTo, isProven: true })
      if (some._tag !== "moved") return false
      yield* tell(some.gaps)
      if (upTo >= to.afterSeq) return true
    }
  })
})
