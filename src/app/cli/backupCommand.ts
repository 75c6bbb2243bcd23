import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import type { Manifest } from "../backup/Manifest.ts"
import { takeBackup } from "../backup/takeBackup.ts"
import { Orders } from "../orders/Orders.ts"
import { appVersion } from "../version.ts"
import { outputFlag, print, say } from "./Output.ts"
import { configFrom, settingFlags } from "./pipelineCommand.ts"
import { withProgressLine } from "./progressLine.ts"
import { withBackupServers } from "./withBackupServers.ts"

/** `pnpm start backup`. */
export const backupCommand = Command.make(
  "backup",
  {
    to: Flag.String("to").pipe(Flag.withDescription("The folder; it is made, and has to be empty")),
    history: Flag.Boolean("history").pipe(
      Flag.withDescription("Also events that every handler has behind it, as far as the stream has them"),
      Flag.withDefault(false)
    ),
    output: outputFlag,
    settings: settingFlags
  },
  Effect.fnUntraced(function* ({ history, output, settings, to }) {
    const config = yield* configFrom(settings)
    const streams = [{ name: Orders.name, subject: Orders.subject }]
    const manifest = yield* withProgressLine((onProgress) =>
      takeBackup({ folder: to, streams, history, product: appVersion, onProgress })
    ).pipe(withBackupServers("no backup", config))
    yield* print(output, manifest, textOf(to, manifest))
    for (const { events, name } of manifest.streams)
      if (events.foreign > 0) yield* say(`${events.foreign} messages of ${name} are not the relay's, and were left out`)
  })
).pipe(
  Command.withDescription(
    "Copies all tables of the pipeline and of the order app, in one snapshot, and those events of the stream that some handler has not handled yet, into a folder; also while the pipeline runs. Asks the servers that DATABASE_URL and NATS_URL name; else the embedded ones, with the pipeline stopped."
  ),
  Command.withShortDescription("Copies the tables, and what only the stream has, into a folder"),
  Command.withExamples([
    { command: "pnpm start backup --to backups/monday", description: "While the pipeline runs, or not" },
    { command: "pnpm start backup --to backups/whole --history", description: "With everything that the stream has" }
  ])
)

const textOf = (folder: string, { streams, tables, takenAt }: Manifest) => {
  const files = [...tables, ...streams.map(({ events }) => events)]
  const rows = tables.reduce((sum, table) => sum + table.rows, 0)
  const events = streams.reduce((sum, stream) => sum + stream.events.rows, 0)
  const megabytes = (files.reduce((sum, file) => sum + file.bytes, 0) / 1e6).toFixed(1)
  return `${folder}: ${tables.length} tables with ${rows} rows, ${events} events of the stream, ${megabytes} MB, as of ${takenAt}`
}
