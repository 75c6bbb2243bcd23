import { Effect, Option, type Scope } from "effect"
import { TerminalCapabilities } from "effect/cli"
import { Overview } from "../../ops/Overview.ts"
import { type LineStream, liveLine } from "./LiveLine.ts"
import { say } from "./Output.ts"
import { plainStatus, statusLine } from "./statusLine.ts"

/** How often the line of a terminal is drawn, and a line of its own is written elsewhere. */
const drawnEvery = "1 second"
const writtenEvery = "60 seconds"

/** Of a terminal that does not say how wide it is. */
const columnsDefault = 80

/**
 * What the pipeline is at, for as long as the scope: one live line on a terminal, a plain one a minute elsewhere. A process without
 * operations says nothing: another one does.
 */
export const showStatus: Effect.Effect<void, never, Scope.Scope> = Effect.gen(function* () {
  const found = yield* Effect.serviceOption(Overview)
  if (Option.isNone(found)) return
  const overview = found.value
  const { stderr, stdout } = process
  const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
  const show = stderr.isTTY
    ? yield* onTerminal(overview, [...(stdout.isTTY ? [stdout] : []), stderr], canColor)
    : written(overview)
  yield* Effect.forkScoped(Effect.forever(show))
})

const onTerminal = (
  { current }: Overview["Service"],
  streams: readonly [...ReadonlyArray<LineStream>, LineStream],
  canColor: boolean
) =>
  Effect.map(liveLine(streams), (draw) =>
    current.pipe(
      Effect.flatMap((body) => draw(statusLine(body, process.stderr.columns || columnsDefault, canColor))),
      Effect.andThen(Effect.sleep(drawnEvery))
    )
  )

const written = ({ current }: Overview["Service"]) =>
  Effect.sleep(writtenEvery).pipe(
    Effect.andThen(current),
    Effect.flatMap((body) => say(plainStatus(body)))
  )
