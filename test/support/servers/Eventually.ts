/** Waiting for what comes soon, without fixed sleeps. */
import { Effect, Schedule } from "effect"

/** Asked again every 25 ms until it is true; dies with `what` when it is not by then. */
export const eventually = <E, R>(
  what: string,
  look: Effect.Effect<boolean, E, R>,
  seconds = 20
): Effect.Effect<void, E, R> =>
  look.pipe(
    Effect.repeat({ until: (found) => found, schedule: Schedule.spaced("25 millis") }),
    Effect.timeoutOrElse({
      duration: `${seconds} seconds`,
      orElse: () => Effect.die(new Error(`not within ${seconds} s: ${what}`))
    }),
    Effect.asVoid
  )
