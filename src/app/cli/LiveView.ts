import { Effect, type Scope } from "effect"

const write = (text: string) => Effect.sync(() => void process.stdout.write(text))

// Lines that are cut instead of wrapped, so that what is drawn has as many rows as it has lines.
const noWrap = "\u001b[?7l"
const wrap = "\u001b[?7h"

/** Draws a text in place of the one before, on a terminal. What was drawn last stays when the scope ends. */
export const liveView: Effect.Effect<(text: string) => Effect.Effect<void>, never, Scope.Scope> = Effect.gen(
  function* () {
    let lines = 0
    yield* Effect.acquireRelease(write(noWrap), () => write(wrap))
    return (text: string) =>
      Effect.suspend(() => {
        const back = lines === 0 ? "" : `\u001b[${lines}A`
        lines = text.split("\n").length
        return write(`${back}\u001b[J${text}\n`)
      })
  }
)
