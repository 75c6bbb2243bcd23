import { Clock, Effect } from "effect"
import { TerminalCapabilities } from "effect/cli"
import { say } from "./Output.ts"

/** How often a plain line is said where nothing can be redrawn, and how often a live one is drawn. */
const plainEveryMs = 5_000
const drawnEveryMs = 100

const write = (text: string) => Effect.sync(() => void process.stderr.write(text))

const isDrawn = Effect.map(
  TerminalCapabilities.TerminalCapabilities,
  ({ canAnimate }) => canAnimate && process.stderr.isTTY
)

/** Says how something goes, on stderr, as often as it is of use: one live line on a terminal, a plain line every 5 s elsewhere. */
export const progressLine = Effect.map(isDrawn, (drawn) => lineFrom(drawn, 0))

/** The same for what is done within seconds as a rule: no plain line before 5 s, and no live one behind it. */
export const withProgressLine = <A, E, R>(
  use: (line: (text: string) => Effect.Effect<void>) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const drawn = yield* isDrawn
    const line = lineFrom(drawn, yield* Clock.currentTimeMillis)
    return yield* Effect.ensuring(use(line), drawn ? write("\r\u001b[K") : Effect.void)
  })

const lineFrom = (drawn: boolean, fromMs: number) => {
  const everyMs = drawn ? drawnEveryMs : plainEveryMs
  let saidMs = fromMs
  return (text: string): Effect.Effect<void> =>
    Effect.flatMap(Clock.currentTimeMillis, (nowMs) => {
      if (nowMs - saidMs < everyMs) return Effect.void
      saidMs = nowMs
      return drawn ? write(`\r\u001b[K${text}\r`) : say(text)
    })
}
