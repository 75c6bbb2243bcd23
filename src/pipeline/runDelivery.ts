import { type Cause, Effect, Option } from "effect"
import type { Delivery, Handler } from "./Handler.ts"
import { ownInterruptIsDefect } from "./ownInterrupt.ts"
import { spanOfTraceparent, whenTraced } from "./Trace.ts"

/** One attempt at one event, limited in time, as a span of the trace that caused the event. */
export const runDelivery = <E>(
  handler: Handler<E>,
  delivery: Delivery<unknown>
): Effect.Effect<void, E | Cause.TimeoutError> => {
  const attempt = handler.run([delivery]).pipe(ownInterruptIsDefect, Effect.timeout(handler.retry.attemptTimeout))
  return whenTraced(attempt, `Handler.${handler.name}`, () => {
    const parent = spanOfTraceparent(delivery.traceparent)
    return {
      kind: "consumer",
      ...(Option.isSome(parent) ? { parent: parent.value } : {}),
      attributes: { key: delivery.key, version: delivery.version, attempt: delivery.attempt }
    }
  })
}
