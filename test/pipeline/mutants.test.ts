import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { faithful, runHistory, type Variant } from "../support/World.ts"
import { effectsBeforeProgress, noFence, progressBeforeEffects } from "./mutants/inboxes.ts"
import { asksNobody, entersAgain, entersBeforeEffects, floorAhead, outlivesRewinds } from "./mutants/ledgers.ts"
import { lateRows } from "./mutants/lateRows.ts"
import {
  deliversBackwards,
  deliversWithHoles,
  groupsWithIdleTimeout,
  laneForEachEvent,
  noFenceAtTheBroker,
  retriesEachMessage
} from "./mutants/logs.ts"

import { leavesAsideBehind, movesTooEarly } from "./mutants/repartitions.ts"
import { replaysBackwards, returnsTooEarly, takesAwayFirst } from "./mutants/parkingLots.ts"

/** Histories a mutant gets to show itself. */
const seedsMax = 200

/** The first fault that shows itself, and the seeds it took. */
const firstFault = Effect.fnUntraced(function* (variant: Variant, sign: RegExp) {
  for (let seed = 1; seed <= seedsMax; seed++) {
    const fault = (yield* runHistory(seed, variant)).faults.find((text) => sign.test(text))
    if (fault !== undefined) return { fault, seed }
  }
  return undefined
})

const mutants: ReadonlyArray<readonly [name: string, variant: Variant, sign: RegExp]> = [
  ["outbox rows that appear after their commit", lateRows, /came after|out of order/],
  ["effects that are committed before what records them", effectsBeforeProgress, /^points: .* duplicated/],
  ["what records effects is committed before them", progressBeforeEffects, /^points: .* lost/],
  ["commits without a fence", noFence, /^points: .* duplicated/],
  ["a lane for each event instead of each key", laneForEachEvent, /^mail: .* out of order/],
  ["a broker that delivers backwards", deliversBackwards, /came after/],
  ["a broker that loses deliveries", deliversWithHoles, /came after|never came to rest/],
  ["a window of messages, each sent again by itself", retriesEachMessage, /^stream: .* out of order/],
  ["groups by key that end when they are idle", groupsWithIdleTimeout, /^mail: .* out of order/],
  ["replays that begin with the newest event", replaysBackwards, /out of order/],
  ["a replayed key that goes back to the live flow too early", returnsTooEarly, /parked|lost/],
  ["an event that is taken from the parking lot before its effects", takesAwayFirst, /lost/],
  ["balanced effects that are committed whoever else has", entersAgain, /^sums: .* duplicated/],
  ["a ledger entry before its effects", entersBeforeEffects, /^sums: .* lost/],
  ["a ledger that nobody asks", asksNobody, /^sums: .* duplicated/],
  ["a shared consumer that outlives a rewind", outlivesRewinds, /never came to rest/],
  ["a floor ahead of what is acknowledged", floorAhead, /^audit: (sums|hooks) .* lost|never came to rest/],
  ["partitions of after, read before those of before", movesTooEarly, /came after/],
  ["partitions of after, without what was put aside", leavesAsideBehind, /never came to rest/],
  ["publishing without a fence and message ids", noFenceAtTheBroker, /^stream: .* duplicated/]
]

describe("the oracle notices", () => {
  it.live.each(mutants)(
    "%s",
    ([, variant, sign]) =>
      Effect.gen(function* () {
        const found = yield* firstFault(variant, sign)
        assert.isDefined(found, `none of ${seedsMax} histories gave it away`)
      }),
    120_000
  )

  it.live("nothing in the adapters as they are", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 10; seed++) assert.deepStrictEqual((yield* runHistory(seed, faithful)).faults, [])
    })
  )
})
