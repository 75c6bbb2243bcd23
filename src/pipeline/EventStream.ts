import { Effect, Result, Schema } from "effect"
import { SecureRandom } from "effect/crypto"
import { type Appended, type NewEntry, Outbox } from "./Outbox.ts"
import { slotOf } from "./Partition.ts"
import { DecodeFailed, InvalidEvent, type StoreUnavailable, type VersionConflict } from "./PipelineError.ts"
import { currentTraceparent, linksOf, whenTraced } from "./Trace.ts"

/** A tagged struct Schema that reads and writes JSON: one kind of event. */
export interface EventSchema extends Schema.Codec<{ readonly _tag: string }, unknown> {
  readonly fields: { readonly _tag: { readonly schema: { readonly literal: string } } }
}

/** The event types of a stream by their wire names, such as `{ created: OrderCreated }`. */
export type EventSchemas = Readonly<Record<string, EventSchema>>

/** The union of a stream's events, or of those with the given wire names. */
export type EventOf<Events extends EventSchemas, Type extends keyof Events = keyof Events> = Events[Type]["Type"]

/** Longest key, in UTF-8 bytes. It travels in a message header. */
export const keyMaxBytes = 1024

/** What an append may ask for. */
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
  /** Reads a stored event by its wire name. Never throws; the failure names the field. */
  readonly decode: <Type extends keyof Events & string>(
    type: Type,
    payload: string
  ) => Result.Result<EventOf<Events, Type>, DecodeFailed>
  /** Whether a payload can be read as an event of this type and belongs to this key. */
  readonly check: (type: string, payload: string, key: string) => Result.Result<void, DecodeFailed>
}

/** A stream of these events, ordered by this key. Names become subject tokens: letters, digits, `-` and `_`. */
export const make = <const Events extends EventSchemas>(
  name: string,
  options: {
    readonly subject: string
    readonly events: Events
    readonly key: (event: EventOf<Events>) => string
  }
): EventStream<Events> => {
  const types = Object.keys(options.events)
  const typeOf = new Map(types.map((type) => [options.events[type]?.fields._tag.schema.literal, type]))
  const encode = encoder(options.events, typeOf)

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

  const decode = decoder(options.events)
  const check = (type: string, payload: string, key: string) =>
    Result.flatMap(decode(type, payload), (event) => {
      const own = options.key(event)
      const detail = `its key would be ${JSON.stringify(own)} and no longer ${JSON.stringify(key)}`
      return own === key ? Result.void : Result.fail(new DecodeFailed({ type, detail }))
    })
  return { name, subject: options.subject, types, events: options.events, append, decode, check }
}

const encoder = <Events extends EventSchemas>(events: Events, typeOf: ReadonlyMap<string | undefined, string>) => {
  const encoders = new Map(Object.entries(events).map(([type, schema]) => [type, Schema.encodeUnknownResult(schema)]))
  return (event: EventOf<Events>): Result.Result<{ readonly type: string; readonly payload: string }, InvalidEvent> => {
    const type = typeOf.get(event._tag)
    const encodeAs = type === undefined ? undefined : encoders.get(type)
    if (type === undefined || encodeAs === undefined) {
      return Result.fail(
        new InvalidEvent({
          type: event._tag,
          detail: `the stream has no such event; it has ${[...typeOf.values()].join(", ")}`
        })
      )
    }
    return encodeAs(event).pipe(
      Result.map((encoded) => ({ type, payload: JSON.stringify(encoded) })),
      Result.mapError((error) => new InvalidEvent({ type, detail: String(error) }))
    )
  }
}

const decoder = <Events extends EventSchemas>(events: Events) => {
  const decoders = new Map(
    Object.entries(events).map(([type, schema]) => [type, Schema.decodeUnknownResult(Schema.fromJsonString(schema))])
  )
  return <Type extends keyof Events & string>(
    type: Type,
    payload: string
  ): Result.Result<EventOf<Events, Type>, DecodeFailed> => {
    const decodeAs = decoders.get(type)
    if (decodeAs === undefined) return Result.fail(new DecodeFailed({ type, detail: "this stream has no such event" }))
    const failed = (error: unknown) => new DecodeFailed({ type, detail: String(error) })
    // A transformation of the Schema may throw; that is a bug of it, and no reason to stop the partition.
    const decoded = Result.try({ try: () => decodeAs(payload), catch: failed })
    // The map is keyed by the same names as `Events`, which a Map's type cannot say.
    return Result.flatMap(decoded, Result.mapError(failed)) as Result.Result<EventOf<Events, Type>, DecodeFailed>
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
