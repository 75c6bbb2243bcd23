import { Effect } from "effect"
import { signal } from "./Signals.ts"

/** Pause after a bug, so that one that keeps coming is seen and does not burn a core. */
export const pauseAfterDefect = "1 second"

/**
 * Repeats a turn for ever. A defect is a bug, but a loop that died of one would stop the events without a word: it is
 * said, and the next turn begins afresh.
 */
export const keepGoing = <A, E, R>(where: string, turn: Effect.Effect<A, E, R>): Effect.Effect<never, E, R> =>
  turn.pipe(
    Effect.catchDefect((defect) =>
      signal({ _tag: "DefectSurvived", where, detail: String(defect) }).pipe(
        Effect.andThen(Effect.sleep(pauseAfterDefect))
      )
    ),
    Effect.forever
  )
