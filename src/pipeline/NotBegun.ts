import { Cause, Effect, Option } from "effect"
import type { LeaseLost, StoreUnavailable } from "./PipelineError.ts"

/** The store did not note an attempt, so it was not made. */
export class NotBegun {
  readonly error: LeaseLost | StoreUnavailable
  constructor(error: LeaseLost | StoreUnavailable) {
    this.error = error
  }
}

/** Whether the attempt was not made. */
export const isNotBegun = (cause: Cause.Cause<unknown>): boolean =>
  Option.exists(Cause.findErrorOption(cause), (error) => error instanceof NotBegun)

/** Keeps what the handler failed with; lets an interruption and an attempt that was not begun through. */
export const unlessNotBegun = (
  cause: Cause.Cause<unknown>
): Effect.Effect<Cause.Cause<unknown>, LeaseLost | StoreUnavailable> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
  const error = Option.getOrUndefined(Cause.findErrorOption(cause))
  return error instanceof NotBegun ? Effect.fail(error.error) : Effect.succeed(cause)
}
