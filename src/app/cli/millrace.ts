import { Command, Flag, GlobalFlag } from "effect/cli"
import { auditCommand } from "./auditCommand.ts"
import { backupCommand } from "./backupCommand.ts"
import { compareCommand } from "./compareCommand.ts"
import { drainCommand, pauseCommand, resumeCommand, throttleCommand, undrainCommand } from "./controlCommands.ts"
import { corpusCommand } from "./corpusCommand.ts"
import { doctorCommand } from "./doctorCommand.ts"
import { drillCommand } from "./drillCommand.ts"
import { explainCommand } from "./explainCommand.ts"
import { lagCommand } from "./lagCommand.ts"
import { activityCommand, alertsCommand, instancesCommand, partitionsCommand } from "./lookCommands.ts"
import { ordersCommand } from "./ordersCommand.ts"
import { parkedCommand } from "./parkedCommand.ts"
import { repartitionCommand } from "./repartitionCommand.ts"
import { pipelineCommand } from "./pipelineCommand.ts"
import { restoreCommand } from "./restoreCommand.ts"
import { simulateCommand } from "./simulateCommand.ts"
import { tailCommand } from "./tailCommand.ts"
import { violationsCommand } from "./violationsCommand.ts"

/** `--no-color`, for all commands. `run.ts` acts on it before anything is parsed, so that it holds for help too. */
const colour = GlobalFlag.Setting("color")({
  flag: Flag.Boolean("color").pipe(
    Flag.withDescription("Colour on terminals; --no-color switches it off, and so does NO_COLOR"),
    Flag.withDefault(true)
  )
})

/** All commands. */
export const millrace = Command.make("millrace").pipe(
  Command.withDescription("Ordered event pipelines on NATS JetStream and Postgres: an order's events, in order, once."),
  Command.withSubcommands([
    { group: "Run", commands: [pipelineCommand, ordersCommand, simulateCommand, drillCommand] },
    {
      group: "Look",
      commands: [
        lagCommand,
        explainCommand,
        tailCommand,
        partitionsCommand,
        instancesCommand,
        alertsCommand,
        activityCommand,
        auditCommand,
        doctorCommand
      ]
    },
    {
      group: "Operate",
      commands: [
        parkedCommand,
        violationsCommand,
        pauseCommand,
        resumeCommand,
        throttleCommand,
        drainCommand,
        undrainCommand,
        repartitionCommand
      ]
    },
    { group: "Change", commands: [backupCommand, restoreCommand, compareCommand, corpusCommand] }
  ]),
  Command.withGlobalFlags([colour])
)
