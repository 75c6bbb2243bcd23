import { Cause, Effect } from "effect"
import { NotBegun } from "./NotBegun.ts"
import { KeyChanged, LeaseLost, StoreUnavailable } from "./PipelineError.ts"

/** Keeps what the handler did; lets a lost store, a lost lease and an interruption through. */
export const handlerFailure = (
  cause: Cause.Cause<unknown>
): Effect.Effect<Cause.Cause<unknown>, KeyChanged | LeaseLost | StoreUnavailable> => {
  const errors = cause.reasons
    .filter(Cause.isFailReason)
    .map(({ error }) => (error instanceof NotBegun ? error.error : error))
  const infrastructure = errors.find(
    (e) => e instanceof LeaseLost || e instanceof StoreUnavailable || e instanceof KeyChanged
  )
  if (infrastructure !== undefined) return Effect.fail(infrastructure)
  return Cause.hasInterrupts(cause) ? Effect.interrupt : Effect.succeed(cause)
}
