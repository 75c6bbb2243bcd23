import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { type Comparison, compareBackup } from "../backup/compareBackup.ts"
import { exitCode, ExitWith } from "./exitCodes.ts"
import { outputFlag, print } from "./Output.ts"
import { configFrom, settingFlags } from "./pipelineCommand.ts"
import { withProgressLine } from "./progressLine.ts"
import { table } from "./Table.ts"
import { withBackupServers } from "./withBackupServers.ts"

/** `pnpm start compare`. */
export const compareCommand = Command.make(
  "compare",
  { folder: Argument.String("folder"), output: outputFlag, settings: settingFlags },
  Effect.fnUntraced(function* ({ folder, output, settings }) {
    const config = yield* configFrom(settings)
    const found = yield* withProgressLine((onProgress) => compareBackup(folder, onProgress)).pipe(
      withBackupServers("not compared", config)
    )
    yield* print(output, found, textOf(found), [...found.tables, ...found.streams])
    if (!found.same) return yield* new ExitWith({ code: exitCode.failure })
  })
).pipe(
  Command.withDescription(
    "What differs between a backup and what is there: each table by rows and digest, each stream by its position. Exits 0 when nothing does, as right after a backup or a restore, and 1 when something does."
  ),
  Command.withShortDescription("What differs between a backup and what is there"),
  Command.withExamples([
    { command: "pnpm start compare backups/monday", description: "After a restore, before the first start" },
    { command: "pnpm start compare backups/monday --output jsonl", description: "A line for each table and stream" }
  ])
)

const statusText = (status: string) => (status === "returning" ? "published again at the next start" : status)

const textOf = ({ same, streams, tables, takenAt }: Comparison) => {
  const some = <A extends { readonly status: string }>(all: ReadonlyArray<A>) =>
    all.filter(({ status }) => status !== "same")
  const rows = some(tables).map((one) => [one.table, one.rowsThen ?? "–", one.rowsNow ?? "–", one.status] as const)
  const ends = some(streams).map(
    (one) => [`stream ${one.stream}`, one.lastSeqThen, one.lastSeqNow ?? "–", statusText(one.status)] as const
  )
  const alike = `${tables.length - rows.length} of ${tables.length} tables are the same`
  const head = `${same ? "nothing differs" : "it differs"} from the backup of ${takenAt}: ${alike}`
  return rows.length + ends.length === 0
    ? head
    : [head, "", table([["", "then", "now", ""], ...rows, ...ends])].join("\n")
}
