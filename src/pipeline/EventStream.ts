import { Effect, Result } from "effect"
import { SecureRandom } from "effect/crypto"
import { codecOf, type EventCodec, type EventDefinition, type ReadEvent } from "./Event.ts"
import { type Appended, type NewEntry, Outbox } from "./Outbox.ts"
import { slotOf } from "./Partition.ts"
import {
  DecodeFailed,
  InvalidEvent,
  type StoreUnavailable,
  type Unreadable,
  type VersionConflict
} from "./PipelineError.ts"
import { currentTraceparent, linksOf, whenTraced } from "./Trace.ts"

/**
 * The event types of a stream by their wire names, such as `{ created: OrderCreated }`, or with the versions they had:
 * `{ paid: Event.versions(PaidV1).next(PaidV2, (old) => …) }`.
 */
export type EventSchemas = Readonly<Record<string, EventDefinition>>

/** The union of a stream's events, or of those with the given wire names. */
export type EventOf<Events extends EventSchemas, Type extends keyof Events = keyof Events> = Events[Type]["Type"]

/** Longest key, in UTF-8 bytes. It travels in a message header. */
export const keyMaxBytes = 1024

/** What an append may ask for besides writing its events; everything may be left out. */
export interface AppendOptions {
  /** Refuse unless the key is at this version (0: has no events yet). All events must then be of one key. */
  readonly expectedVersion?: number
  /** The traceparent of each event, for callers that group the work of several requests; else the current span's. */
  readonly traceparents?: ReadonlyArray<string>
}

/**
 * A stream of Schema-typed events, ordered per key.
 *
 * Delivery semantics: an event is published if and only if the transaction that appended it committed. Events of one
 * key reach every handler in the order of their commits; there is no order across keys.
 */
export interface EventStream<Events extends EventSchemas> {
  /** Names the stream in Postgres and, in capitals, at the broker. */
  readonly name: string
  /** First token of its subjects: `<subject>.partition.<p>.<type>`. */
  readonly subject: string
  readonly types: ReadonlyArray<string>
  /** The events by type, as they were declared. */
  readonly events: Events
  /**
   * Writes events to the outbox, in the transaction that is open; dies when none is. Call it last: it takes the keys'
   * locks until the commit. Returns one entry per event, in order, with the version its key gave it.
   */
  readonly append: (
    events: ReadonlyArray<EventOf<Events>>,
    options?: AppendOptions
  ) => Effect.Effect<ReadonlyArray<Appended>, InvalidEvent | VersionConflict | StoreUnavailable, Outbox>
  /**
   * Reads a stored event by its wire name, as today's version whichever it was written as. Never throws; the failure names
   * the field, or says that its version is newer than this program.
   */
  readonly decode: <Type extends keyof Events & string>(
    type: Type,
    payload: string
  ) => Result.Result<EventOf<Events, Type>, Unreadable>
  /** The same with the version it was written as, for whoever shows or keeps payloads. */
  readonly read: (type: string, payload: string) => Result.Result<ReadEvent, Unreadable>
  /** How events are written and read, by type. */
  readonly codecs: ReadonlyMap<string, EventCodec>
  /** Whether a payload can be read as an event of this type and belongs to this key. */
  readonly check: (type: string, payload: string, key: string) => Result.Result<void, Unreadable>
}

/**
 * A stream of these events, ordered by this key. Names become subject tokens: 1 to 64 letters, digits, `-` and `_`; another one is a
 * defect when the pipeline starts. `events` maps wire names, which are stored and must stay, to Schemas. `key` is at most 1,024 bytes long.
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { EventStream, Transactor } from "millrace"
 *
 * const Opened = Schema.TaggedStruct("Opened", { door: Schema.String })
 * const Closed = Schema.TaggedStruct("Closed", { door: Schema.String })
 *
 * const Doors = EventStream.make("doors", {
 *   subject: "door",
 *   events: { opened: Opened, closed: Closed },
 *   key: (event) => event.door
 * })
 *
 * const slam = Effect.gen(function* () {
 *   const { run } = yield* Transactor
 *   return yield* run(Doors.append([Opened.make({ door: "front" }), Closed.make({ door: "front" })]))
 * })
 * ```
 */
export const make = <const Events extends EventSchemas>(
  name: string,
  options: {
    readonly subject: string
    readonly events: Events
    readonly key: (event: EventOf<Events>) => string
  }
): EventStream<Events> => {
  const codecs = new Map(Object.entries(options.events).map(([type, event]) => [type, codecOf(type, event)]))
  const encode = encoder(codecs)

  const toEntry = Effect.fnUntraced(function* (event: EventOf<Events>, traceparent: string) {
    const eventId = yield* Effect.sync(() => SecureRandom.uuidV7Unsafe())
    const { payload, type } = yield* Effect.fromResult(encode(event))
    const key = options.key(event)
    yield* checkKey(type, key)
    return { eventId, key, slot: slotOf(key), type, traceparent, payload } satisfies NewEntry
  })

  const append = Effect.fnUntraced(
    function* (events: ReadonlyArray<EventOf<Events>>, appendOptions?: AppendOptions) {
      const outbox = yield* Outbox
      const traceparent = yield* currentTraceparent
      const entries = yield* Effect.forEach(events, (event, i) =>
        toEntry(event, appendOptions?.traceparents?.[i] ?? traceparent)
      )
      return yield* outbox.append(name, entries, appendOptions ?? {})
    },
    (effect, events, appendOptions) =>
      whenTraced(effect, "Outbox.append", () => ({
        kind: "producer",
        links: linksOf(appendOptions?.traceparents ?? []),
        attributes: { stream: name, events: events.length }
      }))
  )

  const read = (type: string, payload: string) =>
    codecs.get(type)?.read(payload) ?? Result.fail(new DecodeFailed({ type, detail: "this stream has no such event" }))
  // The codecs are keyed by the same names as `Events`, which a Map's type cannot say.
  const decode = ((type, payload) =>
    Result.map(read(type, payload), ({ event }) => event)) as EventStream<Events>["decode"]
  const check = (type: string, payload: string, key: string) =>
    Result.flatMap(decode(type, payload), (event) => {
      const own = options.key(event)
      const detail = `its key would be ${JSON.stringify(own)} and no longer ${JSON.stringify(key)}`
      return own === key ? Result.void : Result.fail(new DecodeFailed({ type, detail }))
    })
  const types = [...codecs.keys()]
  return { name, subject: options.subject, types, events: options.events, append, decode, read, codecs, check }
}

const encoder = (codecs: ReadonlyMap<string, EventCodec>) => {
  const byTag = new Map([...codecs].map(([type, codec]) => [codec.tag, { type, codec }]))
  return (event: {
    readonly _tag: string
  }): Result.Result<{ readonly type: string; readonly payload: string }, InvalidEvent> => {
    const found = byTag.get(event._tag)
    if (found === undefined) {
      const detail = `the stream has no such event; it has ${[...codecs.keys()].join(", ")}`
      return Result.fail(new InvalidEvent({ type: event._tag, detail }))
    }
    const { codec, type } = found
    return Result.map(codec.write(event), (payload) => ({ type, payload }))
  }
}

const utf8 = new TextEncoder()

const checkKey = (type: string, key: string) => {
  const fault =
    key.length === 0
      ? "its key is empty"
      : !key.isWellFormed() || key.includes("\0")
        ? "its key holds a NUL or a lone surrogate, which Postgres text cannot carry"
        : utf8.encode(key).length > keyMaxBytes
          ? `its key is longer than ${keyMaxBytes} bytes`
          : undefined
  return fault === undefined ? Effect.void : Effect.fail(new InvalidEvent({ type, detail: fault }))
}
