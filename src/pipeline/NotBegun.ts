import { Cause, Effect, Option } from "effect"
import type { KeyChanged, LeaseLost, StoreUnavailable } from "./PipelineError.ts"

/** The store did not note an attempt, so it was not made. */
export class NotBegun {
  readonly error: KeyChanged | LeaseLost | StoreUnavailable
  constructor(error: KeyChanged | LeaseLost | StoreUnavailable) {
    this.error = error
  }
}

/** Keeps what the handler failed with; lets an interruption and an attempt that was not begun through. */
export const unlessNotBegun = (
  cause: Cause.Cause<unknown>
): Effect.Effect<Cause.Cause<unknown>, KeyChanged | LeaseLost | StoreUnavailable> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
  const error = Option.getOrUndefined(Cause.findErrorOption(cause))
  return error instanceof NotBegun ? Effect.fail(error.error) : Effect.succeed(cause)
}
