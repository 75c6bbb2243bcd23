import { Context, Effect, Option } from "effect"

/** What somebody may ask for by name, besides a key: an order, say, whose events are those of a user. */
export interface TraceName {
  readonly key: string
  /** Which of the key's events are of it. */
  readonly isOf: (payload: string) => boolean
}

/**
 * The application's own names, such as an order's, for `explain` and the console's search. Without it, or when it answers none, what
 * is asked for is a key.
 */
export const TraceNames = Context.Reference<(name: string) => Effect.Effect<Option.Option<TraceName>>>(
  "millrace/ops/TraceNames",
  { defaultValue: () => () => Effect.succeedNone }
)
