import { Effect, FileSystem, Schema } from "effect"
import { Argument, Flag } from "effect/cli"
import { type EventSource, sampleCorpus, type Sample } from "../../ops/corpusSample.ts"
import { checkCorpus, type CorpusReport } from "../../pipeline/Corpus.ts"
import type { EventSchemas, EventStream } from "../../pipeline/EventStream.ts"
import { CommandFailed, exitCode, ExitWith } from "./exitCodes.ts"
import { type OutputFormat, outputFlag, print, say } from "./Output.ts"

/** Events of a type and version that a corpus holds unless something else is said. */
const perTypeDefault = 50

const failed = (file: string) => (error: { readonly message: string }) =>
  new CommandFailed({ message: `${file}: ${error.message}`, code: exitCode.failure })

const pathsOf = (text: string) =>
  text
    .split(",")
    .map((path) => path.trim())
    .filter((path) => path !== "")

/** What is recorded, and where to. */
export const recordFlags = {
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
}

interface Recording {
  readonly to: string
  readonly perType: number
  readonly redact: string
  readonly output: OutputFormat
}

/** Writes a sample of the stream's events to a file, and says what is in it. */
export const recordFile = Effect.fnUntraced(function* <Events extends EventSchemas>(
  stream: EventStream<Events>,
  source: EventSource<CommandFailed>,
  { output, perType, redact, to }: Recording
) {
  const files = yield* FileSystem.FileSystem
  const sample = yield* sampleCorpus(stream, source, { perType, redact: pathsOf(redact) })
  if (sample.lines.length === 0) return yield* nothingThere(sample)
  yield* files.writeFileString(to, `${sample.lines.join("\n")}\n`).pipe(Effect.mapError(failed(to)))
  for (const [reason, events] of sample.leftOut) yield* say(`left out ${events}: ${reason}`)
  const report = checkCorpus(stream, sample.lines)
  yield* print(output, report, `${to}: ${report.events} of ${sample.searched} events\n${textOf(report)}`)
})

const nothingThere = ({ leftOut, searched }: Sample) => {
  const why = [...leftOut].map(([reason, events]) => `\n  ${events}: ${reason}`).join("")
  const message = `nothing to record: ${searched} events were looked at${why}`
  return Effect.fail(new CommandFailed({ message, code: exitCode.failure }))
}

/** What is checked, and how it is said. */
export const checkFlags = { output: outputFlag, file: Argument.String("file") }

/** Reads a file with the stream's Schemas; fails with 1 when an event is not read any more. */
export const checkFile = Effect.fnUntraced(function* <Events extends EventSchemas>(
  stream: EventStream<Events>,
  file: string,
  output: OutputFormat
) {
  const files = yield* FileSystem.FileSystem
  const text = yield* files.readFileString(file).pipe(Effect.mapError(failed(file)))
  const report = checkCorpus(stream, text.split("\n"))
  yield* print(output, report, textOf(report))
  if (!report.ok) return yield* new ExitWith({ code: exitCode.failure })
})

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
