import { Effect, FileSystem, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { sampleCorpus, type Sample } from "../../ops/corpusSample.ts"
import { checkCorpus, type CorpusReport } from "../../pipeline/Corpus.ts"
import { Orders } from "../orders/Orders.ts"
import { corpusSource } from "./corpusSource.ts"
import { CommandFailed, exitCode, ExitWith } from "./exitCodes.ts"
import { opsFlags } from "./opsFlags.ts"
import { outputFlag, print, say } from "./Output.ts"
import { configFrom, settingFlags } from "./pipelineCommand.ts"

/** Events of a type and version that a corpus holds unless something else is said. */
const perTypeDefault = 50

const failed = (file: string) => (error: { readonly message: string }) =>
  new CommandFailed({ message: `${file}: ${error.message}`, code: exitCode.failure })

const pathsOf = (text: string) =>
  text
    .split(",")
    .map((path) => path.trim())
    .filter((path) => path !== "")

const record = Command.make(
  "record",
  {
    ...opsFlags,
    settings: settingFlags,
    to: Flag.String("to").pipe(Flag.withDescription("The file; what is in it is replaced")),
    perType: Flag.Int("per-type").pipe(
      Flag.withDescription("Events of each type and version: half of them the oldest, half the newest"),
      Flag.withDefault(perTypeDefault),
      Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 })))
    ),
    redact: Flag.String("redact").pipe(
      Flag.withDescription("Also redacted, besides what the Schemas mark: paths such as email,items.*.sku"),
      Flag.withDefault("")
    )
  },
  Effect.fnUntraced(function* ({ perType, redact, settings, to, ...options }) {
    const config = yield* configFrom(settings)
    const files = yield* FileSystem.FileSystem
    const sample = yield* Effect.scoped(
      Effect.gen(function* () {
        const source = yield* corpusSource(config, options)
        return yield* sampleCorpus(Orders, source, { perType, redact: pathsOf(redact) })
      })
    )
    if (sample.lines.length === 0) return yield* nothingThere(sample)
    yield* files.writeFileString(to, `${sample.lines.join("\n")}\n`).pipe(Effect.mapError(failed(to)))
    for (const [reason, events] of sample.leftOut) yield* say(`left out ${events}: ${reason}`)
    const report = checkCorpus(Orders, sample.lines)
    yield* print(options.output, report, `${to}: ${report.events} of ${sample.searched} events\n${textOf(report)}`)
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

const nothingThere = ({ leftOut, searched }: Sample) => {
  const why = [...leftOut].map(([reason, events]) => `\n  ${events}: ${reason}`).join("")
  const message = `nothing to record: ${searched} events were looked at${why}`
  return Effect.fail(new CommandFailed({ message, code: exitCode.failure }))
}

const check = Command.make(
  "check",
  { output: outputFlag, file: Argument.String("file") },
  Effect.fnUntraced(function* ({ file, output }) {
    const files = yield* FileSystem.FileSystem
    const text = yield* files.readFileString(file).pipe(Effect.mapError(failed(file)))
    const report = checkCorpus(Orders, text.split("\n"))
    yield* print(output, report, textOf(report))
    if (!report.ok) return yield* new ExitWith({ code: exitCode.failure })
  })
).pipe(
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

/** What is read, what is not, and of what nothing is known. */
const textOf = ({ counts, events, faults, ok, untried }: CorpusReport): string =>
  [
    ok ? `${events} events are read` : `${faults.length} of ${events} events are not read any more`,
    ...counts.map((one) => `  ${one.type} ${one.schemaVersion}: ${one.events}`),
    ...faults.map(
      ({ detail, line, schemaVersion, type }) =>
        `line ${line}, ${type} ${schemaVersion}: ${detail.replaceAll(/\s*\n\s*/g, " ")}`
    ),
    ...(untried.length === 0 ? [] : [`no event of: ${untried.join(", ")}`])
  ].join("\n")
