import { Array as Arrays, Effect, Result } from "effect"
import { corpusLine } from "../pipeline/Corpus.ts"
import type { EventSchemas, EventStream } from "../pipeline/EventStream.ts"
import { hiding } from "./Mask.ts"
import { scrub, scrubAt } from "./scrub.ts"

/** A stored event, as far as a corpus keeps it. */
export interface StoredPayload {
  readonly seq: number
  readonly type: string
  readonly payload: string
}

/** Where events are sampled from: the broker, or a running pipeline that is asked. */
export interface EventSource<E> {
  readonly bounds: Effect.Effect<{ readonly firstSeq: number; readonly lastSeq: number }, E>
  /** Ascending from a sequence on, so many at most; none: there are no more. What was purged is left out. */
  readonly read: (fromSeq: number, eventsMax: number) => Effect.Effect<ReadonlyArray<StoredPayload>, E>
  /** Events that are read at each end of the stream. */
  readonly searchedMax: number
  readonly readAtOnceMax: number
}

/** How many events are sampled, and what is hidden of them. */
export interface SampleOptions {
  /** Of each type and version: half of them the oldest, half the newest. */
  readonly perType: number
  /** Paths that are redacted besides what the Schemas mark, such as `email` or `items.*.sku`. */
  readonly redact: ReadonlyArray<string>
}

/** A corpus, and what was left out of it. */
export interface Sample {
  /** Sorted, each once. */
  readonly lines: ReadonlyArray<string>
  readonly searched: number
  /** Why events were left out, with how many. */
  readonly leftOut: ReadonlyMap<string, number>
}

/** Samples events by type and version, redacted so that they still read; what does not is left out. */
export const sampleCorpus = Effect.fnUntraced(function* <Events extends EventSchemas, E>(
  stream: EventStream<Events>,
  source: EventSource<E>,
  { perType, redact }: SampleOptions
) {
  const { firstSeq, lastSeq } = yield* source.bounds
  const oldestTo = Math.min(lastSeq, firstSeq + source.searchedMax - 1)
  const newestFrom = Math.max(oldestTo + 1, lastSeq - source.searchedMax + 1)
  const oldest = yield* readRange(source, Math.max(1, firstSeq), oldestTo)
  const newest = yield* readRange(source, newestFrom, lastSeq)
  const redacted = redactor(stream, redact)
  const [read, leftOut] = Arrays.partition([...oldest, ...newest], redacted)
  const groups = [...Map.groupBy(read, ({ group }) => group).values()]
  const sample: Sample = {
    lines: groups.flatMap((same) => ends([...new Set(same.map(({ line }) => line))], perType)).toSorted(),
    searched: oldest.length + newest.length,
    leftOut: new Map([...Map.groupBy(leftOut, (reason) => reason)].map(([reason, same]) => [reason, same.length]))
  }
  return sample
})

/** Half of so many from the beginning, half from the end. */
const ends = (lines: ReadonlyArray<string>, max: number) =>
  lines.length <= max
    ? lines
    : [...lines.slice(0, Math.ceil(max / 2)), ...lines.slice(lines.length - Math.floor(max / 2))]

const readRange = Effect.fnUntraced(function* <E>(source: EventSource<E>, fromSeq: number, toSeq: number) {
  const read: Array<StoredPayload> = []
  for (let from = fromSeq; from <= toSeq;) {
    const events = yield* source.read(from, Math.min(source.readAtOnceMax, toSeq - from + 1))
    read.push(...events.filter(({ seq }) => seq <= toSeq))
    from = (events.at(-1)?.seq ?? toSeq) + 1
  }
  return read
})

/** A line and its kind, or why there is none. */
const redactor = <Events extends EventSchemas>(stream: EventStream<Events>, redact: ReadonlyArray<string>) => {
  const hide = hiding(stream, scrub)
  const paths = redact.map((path) => path.split("."))
  return ({
    payload,
    type
  }: StoredPayload): Result.Result<{ readonly group: string; readonly line: string }, string> => {
    const read = stream.read(type, payload)
    if (Result.isFailure(read)) return Result.fail(`${type}: ${read.failure.detail}`)
    const { schemaVersion } = read.success
    const value: unknown = JSON.parse(hide(type, payload))
    const shown = JSON.stringify(paths.reduce<unknown>(scrubAt, value))
    return Result.match(stream.read(type, shown), {
      onFailure: ({ detail }) => Result.fail(`${type} ${schemaVersion} is unreadable once it is redacted: ${detail}`),
      onSuccess: () =>
        Result.succeed({ group: `${type} ${schemaVersion}`, line: corpusLine(type, schemaVersion, shown) })
    })
  }
}
