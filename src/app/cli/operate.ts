import { Effect, Layer, Option } from "effect"
import { CliOutput, Command, type HelpDoc, TerminalCapabilities } from "effect/cli"
import { commandDefault } from "../../ops/cliTwin.ts"
import { CommandName } from "./CommandName.ts"
import { drainCommand, pauseCommand, resumeCommand, throttleCommand, undrainCommand } from "./controlCommands.ts"
import { textOf as diagnosisText } from "./diagnosisText.ts"
import { CommandFailed, exitCode, ExitWith } from "./exitCodes.ts"
import { explainCommand } from "./explainCommand.ts"
import { lagCommand } from "./lagCommand.ts"
import { activityCommand, alertsCommand, instancesCommand, partitionsCommand } from "./lookCommands.ts"
import { asking, opsFlags } from "./opsFlags.ts"
import { operateCorpus } from "./operateCorpus.ts"
import { print } from "./Output.ts"
import { parkedCommand } from "./parkedCommand.ts"
import { repartitionCommand } from "./repartitionCommand.ts"
import { askRunning, textOf as auditText } from "./runningAudit.ts"
import { tailCommand } from "./tailCommand.ts"
import { violationsCommand } from "./violationsCommand.ts"

const audit = Command.make(
  "audit",
  opsFlags,
  Effect.fnUntraced(function* ({ output, token, url }) {
    const report = yield* askRunning(url, token)
    if (Option.isNone(report))
      return yield* new CommandFailed({ message: `no pipeline answers at ${url}`, code: exitCode.failure })
    yield* print(output, report.value, auditText(report.value))
    if (!report.value.ok) return yield* new ExitWith({ code: exitCode.orderViolated })
  })
).pipe(
  Command.withDescription(
    "Whether committed = published = handled + parked + in flight. Exits 11 when it does not add up."
  ),
  Command.withExamples([{ command: "pnpm start audit", description: "Of the pipeline that runs" }])
)

const doctor = Command.make(
  "doctor",
  opsFlags,
  Effect.fnUntraced(function* (options) {
    const diagnosis = yield* asking(options, (ops) => ops.control.doctor())
    const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
    yield* print(options.output, diagnosis, diagnosisText(diagnosis, canColor), diagnosis.findings)
    if (!diagnosis.healthy) return yield* new ExitWith({ code: exitCode.unhealthy })
  })
).pipe(
  Command.withDescription("What the pipeline finds of itself, each with its remedy. Exits 10 when something failed."),
  Command.withExamples([{ command: "pnpm start doctor", description: "Whenever something is odd" }])
)

/** Examples are written for this repository, where commands begin with `pnpm start`; elsewhere they begin with their name. */
const renamedExamples = Layer.effect(
  CliOutput.Presenter,
  Effect.map(CliOutput.Presenter, ({ present }) => ({
    present: (event: CliOutput.Presenter.Event) =>
      present("helpDoc" in event ? { ...event, helpDoc: withNames(event.helpDoc) } : event)
  }))
)

/** The commands as the package brings them. */
export const asMillrace = Layer.merge(renamedExamples, Layer.succeed(CommandName, commandDefault))

const withNames = (doc: HelpDoc.HelpDoc) => ({ ...doc, examples: doc.examples?.map(renamed) ?? [] })

const renamed = (example: HelpDoc.ExampleDoc) => ({
  ...example,
  command: example.command.replace(/^pnpm start/, commandDefault)
})

/** The commands that ask a running pipeline, whichever application it is part of. */
export const operate = Command.make("millrace").pipe(
  Command.withDescription(
    "Looks at a pipeline that runs, and operates it, through the operations that its application mounts."
  ),
  Command.withSubcommands([
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
        audit,
        doctor
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
    { group: "Change", commands: [operateCorpus] }
  ])
)
