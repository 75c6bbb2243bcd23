import { Duration, Effect } from "effect"
import { EventLedger } from "./EventLedger.ts"
import { EventLog } from "./EventLog.ts"
import type { Source } from "./BalancedHand.ts"
import type { Claim } from "./Ownership.ts"
import { signal } from "./Signals.ts"

/** How often the floor is moved; as much comes again when the consumer has to be made anew. */
export const floorEvery = Duration.seconds(5)

/**
 * Moves the floor of a balanced handler in the store to what the broker says is acknowledged, for the partitions this
 * instance owns, and says what is missing behind it. Nothing is asked of the store while nothing moves.
 */
export const makeFloorKeeper = Effect.fnUntraced(function* (
  stream: string,
  handler: string,
  claims: () => ReadonlyArray<Claim>
) {
  const ledger = yield* EventLedger
  const log = yield* EventLog
  const moved = new Map<string, number>()
  const placeOf = ({ epoch, opening, partition }: Claim) => `${partition} ${epoch} ${opening}`

  return ({ generation, subscription }: Source) =>
    Effect.gen(function* () {
      const owned = claims()
      if (owned.length === 0) return
      const afterSeq = yield* subscription.floor
      const behind = owned.filter((claim) => (moved.get(placeOf(claim)) ?? claim.cursor) < afterSeq)
      if (behind.length === 0) return
      const { firstSeq } = yield* log.info(stream)
      const gaps = yield* ledger.advance({ claims: behind, generation, afterSeq, isWhole: firstSeq <= 1 })
      moved.clear()
      for (const claim of owned) moved.set(placeOf(claim), afterSeq)
      yield* Effect.forEach(gaps, (gap) => signal({ _tag: "OrderViolated", handler, ...gap }), { discard: true })
      // A store or broker that is away is others' to report.
    }).pipe(Effect.ignore)
})
