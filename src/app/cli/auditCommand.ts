import { Effect, Option, type Redacted } from "effect"
import { Command } from "effect/cli"
import { type AuditReport, runAudit } from "../../pipeline/Audit.ts"
import type { AppConfigValues } from "../AppConfig.ts"
import { pipelineInfra } from "../AppLayer.ts"
import { Orders } from "../orders/Orders.ts"
import { CommandFailed, exitCode, ExitWith } from "./exitCodes.ts"
import { tokenFlag } from "./OpsClient.ts"
import { outputFlag, print, say } from "./Output.ts"
import { configFrom, settingFlags } from "./pipelineCommand.ts"
import { reasonOf } from "./reasonOf.ts"
import { askRunning, textOf } from "./runningAudit.ts"
import { urlFlag } from "./urlFlag.ts"

type Token = Option.Option<Redacted.Redacted>

/** `pnpm start audit`. */
export const auditCommand = Command.make(
  "audit",
  { url: urlFlag, token: tokenFlag, output: outputFlag, settings: settingFlags },
  Effect.fnUntraced(function* ({ output, settings, token, url }) {
    const config = yield* configFrom(settings)
    const report = yield* reportFor(config, url, token)
    yield* print(output, report, textOf(report))
    if (!report.ok) return yield* new ExitWith({ code: exitCode.orderViolated })
  })
).pipe(
  Command.withDescription(
    "Counts everything: committed = published + waiting, published = handled + parked + discarded + in flight for each handler, and compares it with every event in the stream. Asks the pipeline that runs at --url; without one, the servers themselves. Exits 11 when it does not add up."
  ),
  Command.withShortDescription("Whether committed = published = handled + parked + in flight"),
  Command.withExamples([
    { command: "pnpm start audit", description: "While the pipeline runs, or after" },
    { command: "pnpm start audit --output json", description: "For scripts" }
  ])
)

/** Named servers are asked themselves; else the running pipeline, whose embedded servers nobody else may use; else those. */
const reportFor = Effect.fnUntraced(function* (config: AppConfigValues, url: string, token: Token) {
  if (Option.isSome(config.databaseUrl) && Option.isSome(config.natsUrl)) return yield* audited(config)
  const running = yield* askRunning(url, token)
  return Option.isSome(running) ? running.value : yield* audited(config)
})

const audited = (config: AppConfigValues): Effect.Effect<AuditReport, CommandFailed> =>
  runAudit(Orders.name).pipe(
    Effect.provide(pipelineInfra(config, say)),
    Effect.mapError((error) => new CommandFailed({ message: `no audit: ${reasonOf(error)}`, code: exitCode.failure }))
  )
