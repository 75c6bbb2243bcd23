import { Effect } from "effect"
import { Command } from "effect/cli"
import { Orders } from "../orders/Orders.ts"
import { checkFile, checkFlags, recordFile, recordFlags } from "./corpusFile.ts"
import { corpusSource } from "./corpusSource.ts"
import { opsFlags } from "./opsFlags.ts"
import { configFrom, settingFlags } from "./pipelineCommand.ts"

const record = Command.make(
  "record",
  { ...opsFlags, ...recordFlags, settings: settingFlags },
  Effect.fnUntraced(function* ({ settings, ...options }) {
    const config = yield* configFrom(settings)
    const recorded = Effect.flatMap(corpusSource(config, options), (source) => recordFile(Orders, source, options))
    return yield* Effect.scoped(recorded)
  })
).pipe(
  Command.withDescription(
    "Samples events of the stream by type and version, the oldest and the newest, redacts them and writes them to a file that belongs into your repository. Servers that DATABASE_URL and NATS_URL name are asked themselves; else the pipeline at --url."
  ),
  Command.withExamples([
    {
      command: "pnpm start corpus record --to test/corpus/orders.jsonl --redact email,userId",
      description: "Now and then"
    }
  ])
)

const check = Command.make("check", checkFlags, ({ file, output }) => checkFile(Orders, file, output)).pipe(
  Command.withDescription(
    "Reads a recorded file with today's Schemas. Exits 1 when an event is not read any more, with its type, version and the path of the field. Needs no server."
  ),
  Command.withExamples([{ command: "pnpm start corpus check test/corpus/orders.jsonl", description: "In CI" }])
)

/** `pnpm start corpus`. */
export const corpusCommand = Command.make("corpus").pipe(
  Command.withDescription("Real events of the past, kept to see that today's Schemas still read them"),
  Command.withSubcommands([record, check])
)
