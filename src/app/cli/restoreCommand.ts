import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { type Restored, restoreBackup } from "../backup/restoreBackup.ts"
import { outputFlag, print, say } from "./Output.ts"
import { configFrom, settingFlags } from "./pipelineCommand.ts"
import { withProgressLine } from "./progressLine.ts"
import { withBackupServers } from "./withBackupServers.ts"

/** `pnpm start restore`. */
export const restoreCommand = Command.make(
  "restore",
  {
    from: Flag.String("from").pipe(Flag.withDescription("A folder that `pnpm start backup` has made")),
    force: Flag.Boolean("force").pipe(
      Flag.withDescription("Takes away what the tables hold, and deletes the stream"),
      Flag.withDefault(false)
    ),
    dryRun: Flag.Boolean("dry-run").pipe(Flag.withDescription("Only say what would happen"), Flag.withDefault(false)),
    output: outputFlag,
    settings: settingFlags
  },
  Effect.fnUntraced(function* ({ dryRun, force, from, output, settings }) {
    const config = yield* configFrom(settings)
    const restored = yield* withProgressLine((onProgress) =>
      restoreBackup({ folder: from, force, dryRun, onProgress })
    ).pipe(withBackupServers("nothing was restored", config))
    yield* print(output, restored, textOf(restored))
    if (!dryRun) yield* say("start the pipeline, which publishes what was not handled; then `pnpm start audit`")
  })
).pipe(
  Command.withDescription(
    "Puts a backup back into an empty database and beside an empty NATS, in one transaction; checks every file first. Refuses when there is data, unless --force; when tables are of another version; and while an instance is at work. Then start the pipeline: it publishes again what was not handled, in order."
  ),
  Command.withShortDescription("Puts a backup back"),
  Command.withExamples([
    { command: "pnpm start restore --from backups/monday --dry-run", description: "What would happen" },
    { command: "pnpm start restore --from backups/monday", description: "On new servers" },
    { command: "pnpm start restore --from backups/monday --force", description: "In place of what is there" }
  ])
)

const textOf = ({ dryRun, events, replaced, rows, streamsRemoved, tables, takenAt }: Restored) => {
  const [would, were] = dryRun ? ["would be restored", "would be"] : ["restored", "were"]
  return [
    `${tables} tables with ${rows} rows ${would}, as of ${takenAt}; ${events} events are published again`,
    ...(replaced.length === 0 ? [] : [`  what ${replaced.join(", ")} held ${were} taken away`]),
    ...streamsRemoved.map((name) => `  the stream ${name} ${dryRun ? "would be" : "was"} deleted`),
    ...(dryRun ? ["  nothing was changed (--dry-run)"] : [])
  ].join("\n")
}
