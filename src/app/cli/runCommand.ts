import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Cause, Effect, Exit, Layer, Option, References } from "effect"
import { CliError, TerminalCapabilities } from "effect/cli"
import { CommandFailed, exitCode, ExitWith } from "./exitCodes.ts"
import { Interruption } from "./interruption.ts"
import { logger } from "./logger.ts"
import { say } from "./Output.ts"

const interruption: { code: number } = { code: exitCode.interrupted }

/** The code a run ends with; what is to be said was said by then. */
const codeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return exitCode.ok
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  if (error instanceof ExitWith || error instanceof CommandFailed) return error.code
  if (CliError.isCliError(error))
    return error._tag === "ShowHelp" && error.errors.length === 0 ? exitCode.ok : exitCode.usage
  return Cause.hasInterruptsOnly(exit.cause) ? interruption.code : exitCode.failure
}

/** What the terminal can do, unless `--no-color` says otherwise: help and errors are coloured before flags are parsed. */
const terminal = Layer.effect(
  TerminalCapabilities.TerminalCapabilities,
  Effect.map(TerminalCapabilities.TerminalCapabilities, (detected) => ({
    ...detected,
    canColor: detected.canColor && !process.argv.includes("--no-color")
  }))
)

/** Runs a tree of commands as this process, and ends it with their exit code. */
export const runCommand = <E>(command: Effect.Effect<void, E, NodeServices.NodeServices>): void =>
  command.pipe(
    Effect.tapError((error) => (error instanceof CommandFailed ? say(error.message) : Effect.void)),
    Effect.tapDefect((defect) => Effect.logError("a bug ended this command; please report it with this line", defect)),
    Effect.provideService(Interruption, interruption),
    // Spans that nobody exports would cost a tenth of the throughput; the pipeline turns them on where somebody does.
    Effect.provideService(References.TracerEnabled, false),
    Effect.provide(Layer.mergeAll(NodeServices.layer, logger, terminal)),
    NodeRuntime.runMain({ disableErrorReporting: true, teardown: (exit, onExit) => onExit(codeOf(exit)) })
  )
