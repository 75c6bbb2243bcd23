import { Context, Effect } from "effect"
import { exitCode } from "./exitCodes.ts"

/** What an interrupted command exits with. A drained pipeline did what it was asked to, so it sets this to 0. */
export const Interruption = Context.Reference<{ code: number }>("millrace/app/cli/Interruption", {
  defaultValue: () => ({ code: exitCode.interrupted })
})

/**
 * The first Ctrl-C (or SIGTERM) interrupts, which drains; the second stops at once. Ends with the scope.
 */
export const drainOnSignal = (onFirst: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const interruption = yield* Interruption
    const context = yield* Effect.context()
    let signals = 0
    const onSignal = () => {
      signals += 1
      if (signals > 1) process.exit(exitCode.interrupted)
      interruption.code = exitCode.ok
      Effect.runForkWith(context)(onFirst)
    }
    const listen = (event: "SIGINT" | "SIGTERM") =>
      Effect.acquireRelease(
        Effect.sync(() => process.on(event, onSignal)),
        () => Effect.sync(() => process.off(event, onSignal))
      )
    yield* listen("SIGINT")
    yield* listen("SIGTERM")
  })
