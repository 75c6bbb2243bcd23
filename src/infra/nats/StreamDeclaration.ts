import {
  DiscardPolicy,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig
} from "@nats-io/jetstream"
import { nanos } from "@nats-io/transport-node"
import { Effect } from "effect"
import type { LogDeclaration } from "../../pipeline/EventLog.ts"
import { type BrokerRefused, type BrokerUnavailable, StreamMismatch } from "../../pipeline/PipelineError.ts"
import { signal } from "../../pipeline/Signals.ts"
import { call } from "./natsFailure.ts"

/**
 * What may be chosen about the stream; the rest follows from the protocol. It is made with them at the first start, and never changed after.
 */
export interface StreamOptions {
  /** Copies in a NATS cluster: 1 or 3. */
  readonly replicas: number
  /** Size at which it is full, in bytes: events then wait in the outbox. */
  readonly maxBytes: number
  /** How long it keeps events, in days, whether they are handled or not. */
  readonly maxAgeDays: number
}

/** One copy, 10 GiB, seven days: what `layer` and `layerFrom` take unless they are told otherwise. */
export const streamOptionsDefault: StreamOptions = { replicas: 1, maxBytes: 10 * 1024 ** 3, maxAgeDays: 7 }

const dayMs = 86_400_000

/**
 * The stream as code. Limits retention, because the log is read by many; `discard: new`, so that a full stream pushes
 * back into the outbox instead of dropping what nobody has read; atomic batches for the relay's fence.
 */
export const streamConfig = (name: string, declaration: LogDeclaration, options: StreamOptions) => ({
  name,
  subjects: [`${declaration.subject}.partition.>`],
  storage: StorageType.File,
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.New,
  max_bytes: options.maxBytes,
  max_age: nanos(options.maxAgeDays * dayMs),
  duplicate_window: nanos(120_000),
  num_replicas: options.replicas,
  max_consumers: 10_000,
  allow_atomic: true
})

/** Without these the protocol does not hold; anything else may differ, and is only reported. */
const essential: ReadonlySet<string> = new Set(["subjects", "retention", "discard", "allow_atomic"])

/**
 * Creates the stream when it is missing. When it is there, compares: a difference that breaks the protocol is an error
 * that names it; any other is reported and left alone, because somebody may have meant it.
 */
export const declareStream = Effect.fn("NatsEventLog.declare")(function* (
  manager: JetStreamManager,
  name: string,
  declaration: LogDeclaration,
  options: StreamOptions
): Effect.fn.Return<void, StreamMismatch | BrokerRefused | BrokerUnavailable> {
  const wanted = streamConfig(name, declaration, options)
  const existing = yield* call("STREAM.INFO", () => manager.streams.info(name)).pipe(
    Effect.catchIf(isStreamMissing, () => Effect.void)
  )
  if (existing === undefined) return yield* create(manager, name, wanted)
  const differences = compare(wanted, existing.config)
  const fatal = differences.filter(isEssential).map(saidOf)
  if (fatal.length > 0) return yield* new StreamMismatch({ stream: name, differences: fatal })
  if (differences.length > 0)
    yield* signal({ _tag: "StreamDrifted", stream: name, differences: differences.map(saidOf) })
})

const streamMissing = 10059

const nameInUse = 10058

/** Whether a refusal says that there is no such stream. */
export const isStreamMissing = (error: BrokerRefused | BrokerUnavailable) =>
  error._tag === "BrokerRefused" && error.code === streamMissing

// Two processes may start together: the second finds the stream made by the first.
const create = (manager: JetStreamManager, name: string, wanted: ReturnType<typeof streamConfig>) =>
  call(`create stream ${name}`, () => manager.streams.add(wanted)).pipe(
    Effect.catchIf(
      (error) => error._tag === "BrokerRefused" && error.code === nameInUse,
      () => Effect.void
    ),
    Effect.asVoid
  )

interface Difference {
  readonly field: string
  readonly declared: string
  readonly found: string
}

/** Field by field, what the server has otherwise than declared. Pure. */
export const compare = (wanted: ReturnType<typeof streamConfig>, found: StreamConfig): ReadonlyArray<Difference> => {
  const actual: Readonly<Record<string, unknown>> = { ...found }
  return Object.entries(wanted)
    .map(([field, value]) => ({
      field,
      declared: JSON.stringify(value),
      found: JSON.stringify(actual[field]) ?? "unset"
    }))
    .filter(({ declared, found: has }) => declared !== has)
}

/** Whether the protocol does not hold with it. */
export const isEssential = ({ field }: Difference): boolean => essential.has(field)

/** A difference in words. */
export const saidOf = ({ declared, field, found }: Difference): string => `${field} is ${found}, declared ${declared}`
