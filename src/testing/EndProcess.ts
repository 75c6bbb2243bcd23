import { Context, Effect, Exit, Scope } from "effect"
import type { Handler } from "../pipeline/Handler.ts"
import type { Counts } from "./History.ts"
import type { Fate } from "./FaultyPorts.ts"

/** Ends the process in whose hands a handler is, as `process.exit` would. */
export const EndProcess = Context.Reference<Effect.Effect<never>>("millrace/testing/EndProcess", {
  defaultValue: () => Effect.die(new Error("only a simulated process can be ended"))
})

/** The handler in a process of this fate: when it ends it, nothing that the process asks for happens any more. */
export const inProcess = <E, R>(
  handler: Handler<E, R>,
  fate: Fate,
  { counts, scope }: { readonly counts: Counts; readonly scope: Scope.Closeable }
): Handler<E, R> => {
  const end = Effect.suspend(() => {
    fate.down = true
    counts.ended += 1
    return Effect.andThen(Effect.forkDetach(Scope.close(scope, Exit.void)), Effect.never)
  })
  return { ...handler, run: (deliveries) => Effect.provideService(handler.run(deliveries), EndProcess, end) }
}
