import { Effect } from "effect"
import type { Handler } from "./Handler.ts"
import { Ownership } from "./Ownership.ts"
import { StreamMismatch } from "./PipelineError.ts"

/** What an ordered handler has recorded means something else to a balanced one, and the other way round. */
export const fixDelivery = Effect.fnUntraced(function* (
  stream: string,
  handlers: ReadonlyArray<Pick<Handler, "name" | "delivery">>
) {
  const ownership = yield* Ownership
  const others = handlers.length === 0 ? [] : yield* ownership.fixDelivery(stream, handlers)
  if (others.length === 0) return
  const differences = others.map(
    (name) =>
      `${name} was ${handlers.find((one) => one.name === name)?.delivery === "balanced" ? "ordered" : "balanced"} before; a handler that is delivered to in another way needs another name`
  )
  return yield* new StreamMismatch({ stream, differences })
})
