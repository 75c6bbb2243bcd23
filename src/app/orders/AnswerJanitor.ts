import { Duration, Effect, Layer, Schedule } from "effect"
import { OrderStore } from "./OrderStore.ts"

/** Forgets the answers to repeated commands once they are old: every 10 minutes, in the background. */
export const layer = (keep: Duration.Duration): Layer.Layer<never, never, OrderStore> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const store = yield* OrderStore
      yield* store.forgetAnswers(Duration.toSeconds(keep)).pipe(
        Effect.catch((error) =>
          Effect.logWarning("old command answers could not be deleted; tried again in 10 minutes", error)
        ),
        Effect.repeat(Schedule.spaced("10 minutes")),
        Effect.forkScoped
      )
    })
  )
