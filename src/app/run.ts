import "effect/schema/SchemaJITCompiler/enable"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Cause, Effect, Exit, Layer, Option, References } from "effect"
import { CliError, Command } from "effect/cli"
import { auditCommand } from "./cli/auditCommand.ts"
import { doctorCommand } from "./cli/doctorCommand.ts"
import { drillCommand } from "./cli/drillCommand.ts"
import { CommandFailed, exitCode, ExitWith } from "./cli/exitCodes.ts"
import { Interruption } from "./cli/interruption.ts"
import { logger } from "./cli/logger.ts"
import { ordersCommand } from "./cli/ordersCommand.ts"
import { say } from "./cli/Output.ts"
import { parkedCommand } from "./cli/parkedCommand.ts"
import { pipelineCommand } from "./cli/pipelineCommand.ts"
import { simulateCommand } from "./cli/simulateCommand.ts"
import { appVersion } from "./version.ts"

const millrace = Command.make("millrace").pipe(
  Command.withDescription("Ordered event pipelines on NATS JetStream and Postgres: an order's events, in order, once."),
  Command.withSubcommands([
    pipelineCommand,
    ordersCommand,
    simulateCommand,
    auditCommand,
    parkedCommand,
    drillCommand,
    doctorCommand
  ])
)

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

Command.run(millrace, { version: appVersion }).pipe(
  Effect.tapErrorTag("CommandFailed", (error) => say(error.message)),
  Effect.tapDefect((defect) => Effect.logError("a bug ended this command; please report it with this line", defect)),
  Effect.provideService(Interruption, interruption),
  // Spans that nobody exports would cost a tenth of the throughput; the pipeline turns them on where somebody does.
  Effect.provideService(References.TracerEnabled, false),
  Effect.provide(Layer.mergeAll(NodeServices.layer, logger)),
  NodeRuntime.runMain({ disableErrorReporting: true, teardown: (exit, onExit) => onExit(codeOf(exit)) })
)
