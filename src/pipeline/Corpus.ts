import { Option, Predicate, Result, Schema } from "effect"
import type { EventSchemas, EventStream } from "./EventStream.ts"

/** One event of a corpus: what a program of the past wrote, without key and ids. */
const CorpusLine = Schema.fromJsonString(
  Schema.Struct({ type: Schema.String, schemaVersion: Schema.Int, payload: Schema.Unknown })
)

/** A line that today's Schemas do not read as it was read when it was recorded. */
export interface CorpusFault {
  /** 1 for the first. */
  readonly line: number
  readonly type: string
  readonly schemaVersion: number
  /** Names the field. */
  readonly detail: string
}

/** So many events of a type and version. */
export interface CorpusCount {
  readonly type: string
  readonly schemaVersion: number
  readonly events: number
}

/** What a check of a corpus has found. */
export interface CorpusReport {
  readonly ok: boolean
  readonly events: number
  readonly counts: ReadonlyArray<CorpusCount>
  readonly faults: ReadonlyArray<CorpusFault>
  /** Versions that this program reads, and of which the corpus has no event: nothing is proved about those. */
  readonly untried: ReadonlyArray<string>
}

/** An event as a line of a corpus: JSON whose fields are sorted, so that recording again changes little. */
export const corpusLine = (type: string, schemaVersion: number, payload: string): string =>
  JSON.stringify({ type, schemaVersion, payload: sorted(JSON.parse(payload)) })

/**
 * Reads a corpus with today's Schemas: each line by the version it says it is, and then as today's. An empty one is at
 * fault, since it proves nothing. Never throws.
 *
 * ```ts
 * import { readFileSync } from "node:fs"
 * import { checkCorpus } from "millrace/testing"
 * import { Accounts } from "./accounts.ts"
 *
 * const check = (file: string) => {
 *   const { faults, ok } = checkCorpus(Accounts, readFileSync(file, "utf8").split("\n"))
 *   return ok ? "read" : faults.map(({ detail, line }) => `line ${line}: ${detail}`)
 * }
 * ```
 */
export const checkCorpus = <Events extends EventSchemas>(
  stream: EventStream<Events>,
  lines: Iterable<string>
): CorpusReport => {
  const all = [...lines].map((text) => text.trim()).filter((text) => text !== "")
  const read = all.map((text) => readLine(stream, text))
  const faults = read.flatMap((one, i) => (one.fault === undefined ? [] : [{ ...one.fault, line: i + 1 }]))
  const empty = { line: 0, type: "", schemaVersion: 0, detail: "there is no event in it" }
  const counts = countsOf(read)
  const isTried = (type: string, version: number) =>
    counts.some((one) => one.type === type && one.schemaVersion === version)
  return {
    ok: faults.length === 0 && all.length > 0,
    events: all.length,
    counts,
    faults: all.length === 0 ? [empty] : faults,
    untried: [...stream.codecs].flatMap(([type, { known }]) =>
      known.filter((version) => !isTried(type, version)).map((version) => `${type} ${version}`)
    )
  }
}

interface Read {
  readonly type: string
  readonly schemaVersion: number
  readonly fault?: Omit<CorpusFault, "line">
}

const decodeLine = Schema.decodeUnknownOption(CorpusLine)

const readLine = <Events extends EventSchemas>(stream: EventStream<Events>, text: string): Read => {
  const line = decodeLine(text)
  if (Option.isNone(line))
    return withFault("", 0, "it is no line of a corpus: type, schemaVersion and payload, as JSON")
  const { payload, schemaVersion, type } = line.value
  return Result.match(stream.read(type, JSON.stringify(payload)), {
    onFailure: ({ detail }) => withFault(type, schemaVersion, detail),
    onSuccess: (event) =>
      event.schemaVersion === schemaVersion
        ? { type, schemaVersion }
        : withFault(type, schemaVersion, `it is taken for version ${event.schemaVersion} now`)
  })
}

const withFault = (type: string, schemaVersion: number, detail: string): Read => ({
  type,
  schemaVersion,
  fault: { type, schemaVersion, detail }
})

const countsOf = (read: ReadonlyArray<Read>): ReadonlyArray<CorpusCount> =>
  [...Map.groupBy(read, ({ schemaVersion, type }) => `${type} ${schemaVersion}`).values()].flatMap((same) => {
    const [first] = same
    return first === undefined || first.type === ""
      ? []
      : [{ type: first.type, schemaVersion: first.schemaVersion, events: same.length }]
  })

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted)
  if (!Predicate.isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => [name, sorted(inner)])
  )
}
