import { Clock, Effect } from "effect"
import { TerminalCapabilities } from "effect/cli"
import { say } from "./Output.ts"

/** How often a plain line is said where nothing can be redrawn, and how often a live one is drawn. */
const plainEveryMs = 5_000
const drawnEveryMs = 100

/** Says how something goes, on stderr, as often as it is of use: one live line on a terminal, a plain line every 5 s elsewhere. */
export const progressLine = Effect.gen(function* () {
  const { canAnimate } = yield* TerminalCapabilities.TerminalCapabilities
  const isDrawn = canAnimate && process.stderr.isTTY
  const everyMs = isDrawn ? drawnEveryMs : plainEveryMs
  let saidMs = 0
  return (text: string): Effect.Effect<void> =>
    Effect.flatMap(Clock.currentTimeMillis, (nowMs) => {
      if (nowMs - saidMs < everyMs) return Effect.void
      saidMs = nowMs
      return isDrawn ? Effect.sync(() => void process.stderr.write(`\r\u001b[K${text}\r`)) : say(text)
    })
})
