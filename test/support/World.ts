import type { Effect, Layer } from "effect"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import type { FaultPlan } from "../../src/testing/FaultPlan.ts"
import type { History } from "../../src/testing/History.ts"
import { play, type Services } from "../../src/testing/Simulation.ts"
import { noteHandlers, noteStream, type Place } from "./Ledger.ts"
import { writeNotes } from "./Writers.ts"

/** The parts a history is played on: the real ones, or one of them wrong on purpose. */
export interface Variant {
  readonly layer: Layer.Layer<Services>
  readonly placeOf: Place
  /** Where its fault shows itself, when that is seldom otherwise. */
  readonly plan?: Partial<FaultPlan>
}

/** The memory adapters as they are. */
export const faithful: Variant = { layer: MemoryPipeline.layer, placeOf: ({ key, version }) => ({ key, version }) }

/** In every fourth history the broker loses more, and store and network are slow and wrong more often. */
const harsh: Partial<FaultPlan> = {
  tailLossesMax: 8,
  delayShares: [0.3],
  failureShares: [0.05],
  delayMaxMs: 1_500
}

/** One random history of notes. */
export const runHistory = (seed: number, { layer, placeOf, plan }: Variant = faithful): Effect.Effect<History> =>
  play(
    {
      stream: noteStream,
      play: (effects, seeded) => {
        const mending = { done: false }
        const handlers = noteHandlers(effects, seeded, placeOf, mending)
        // Every second history ends with what is parked, the others with replaying it.
        const mend = seeded % 2 === 0 ? { mend: () => void (mending.done = true) } : {}
        return { handlers, write: writeNotes, ...mend }
      }
    },
    seed,
    { ports: layer, plan: plan ?? (seed % 4 === 3 ? harsh : {}) }
  )
