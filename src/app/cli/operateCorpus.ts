import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { checkFile, checkFlags, recordFile, recordFlags } from "./corpusFile.ts"
import { importStream } from "./importStream.ts"
import { opsFlags } from "./opsFlags.ts"
import { pipelineSource } from "./pipelineSource.ts"

const streamFlag = Flag.String("stream").pipe(
  Flag.withDescription("Where your EventStream is: file and export, such as ./src/orders.ts#Orders")
)

const record = Command.make("record", { ...opsFlags, ...recordFlags, stream: streamFlag }, ({ stream, ...options }) =>
  Effect.flatMap(importStream(stream), (events) => recordFile(events, pipelineSource(options), options))
).pipe(
  Command.withDescription(
    "Samples events of the pipeline that runs by type and version, the oldest and the newest thousand, redacts them and writes them to a file that belongs into your repository."
  ),
  Command.withExamples([
    {
      command: "pnpm start corpus record --stream ./src/orders.ts#Orders --to test/orders.jsonl --redact email",
      description: "Now and then"
    }
  ])
)

const check = Command.make("check", { ...checkFlags, stream: streamFlag }, ({ file, output, stream }) =>
  Effect.flatMap(importStream(stream), (events) => checkFile(events, file, output))
).pipe(
  Command.withDescription(
    "Reads a recorded file with today's Schemas. Exits 1 when an event is not read any more, with its type, version and the path of the field. Needs no server."
  ),
  Command.withExamples([
    { command: "pnpm start corpus check --stream ./src/orders.ts#Orders test/orders.jsonl", description: "In CI" }
  ])
)

/** `millrace corpus`, with the stream of whichever application. */
export const operateCorpus = Command.make("corpus").pipe(
  Command.withDescription("Real events of the past, kept to see that today's Schemas still read them"),
  Command.withSubcommands([record, check])
)
