import { Duration, Effect, Schema } from "effect"
import { Command, Flag, TerminalCapabilities } from "effect/cli"
import { exitCode, ExitWith } from "./exitCodes.ts"
import { type LagReport, lagLine, lagReport, lagText } from "./lagText.ts"
import { liveView } from "./LiveView.ts"
import { asking, opsFlags, type OpsOptions } from "./opsFlags.ts"
import { print, say } from "./Output.ts"

const flags = {
  ...opsFlags,
  watch: Flag.Boolean("watch").pipe(
    Flag.withAlias("w"),
    Flag.withDescription("Look again and again: one view on a terminal, a line each elsewhere"),
    Flag.withDefault(false)
  ),
  every: Flag.Int("every").pipe(
    Flag.withDescription("Seconds between two looks"),
    Flag.withDefault(2),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3_600 })))
  ),
  exitWhenCritical: Flag.Boolean("exit-when-critical").pipe(
    Flag.withDescription("With --watch: end with 10 once a critical alert fires"),
    Flag.withDefault(false)
  )
}

interface Watching extends OpsOptions {
  readonly every: number
  readonly exitWhenCritical: boolean
}

const look = (options: OpsOptions) =>
  Effect.map(
    asking(options, (ops) => ops.overview.overview()),
    lagReport
  )

/** `pnpm start lag`. */
export const lagCommand = Command.make(
  "lag",
  flags,
  Effect.fnUntraced(function* ({ watch, ...options }) {
    const first = yield* look(options)
    if (watch) return yield* watching(options, first).pipe(Effect.scoped)
    const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
    yield* print(options.output, first, lagText(first, canColor), first.handlers)
    return yield* endIfCritical(first)
  })
).pipe(
  Command.withDescription(
    "How far each handler is behind, how fast it is and what it is at. Exits 10 when an alert of severity critical fires."
  ),
  Command.withShortDescription("How far each handler is behind, live with --watch"),
  Command.withExamples([
    { command: "pnpm start lag", description: "Now" },
    { command: "pnpm start lag --watch", description: "Until Ctrl-C" },
    { command: "pnpm start lag --watch --every 10 --exit-when-critical -o jsonl", description: "For a script" }
  ])
)

const endIfCritical = ({ critical }: LagReport) =>
  critical.length === 0 ? Effect.void : Effect.fail(new ExitWith({ code: exitCode.unhealthy }))

/** How looks are shown, and that there was no answer. */
interface Shower {
  readonly show: (report: LagReport) => Effect.Effect<void>
  readonly away: (why: string) => Effect.Effect<void>
}

/** Goes on when the pipeline is away for a while: whoever watches wants to see it come back. */
const watching = Effect.fnUntraced(function* (options: Watching, first: LagReport) {
  const { away, show } = yield* shower(options)
  const shown = (report: LagReport) =>
    Effect.andThen(show(report), options.exitWhenCritical ? endIfCritical(report) : Effect.void)
  yield* shown(first)
  const again = Effect.matchEffect(look(options), { onSuccess: shown, onFailure: ({ message }) => away(message) })
  return yield* Effect.sleep(Duration.seconds(options.every)).pipe(Effect.andThen(again), Effect.forever)
})

const shower = Effect.fnUntraced(function* ({ output }: OpsOptions) {
  const { canAnimate, canColor } = yield* TerminalCapabilities.TerminalCapabilities
  if (output === "text" && canAnimate) return yield* drawn(canColor)
  const show = (report: LagReport) =>
    output === "text" ? print("text", report, lagLine(report)) : print("jsonl", report, "")
  return { show, away: say } satisfies Shower
})

const drawn = Effect.fnUntraced(function* (canColor: boolean) {
  const draw = yield* liveView
  let last = ""
  return {
    show: (report) => draw((last = lagText(report, canColor))),
    away: (why) => draw(`${last}\n${why}`)
  } satisfies Shower
})
