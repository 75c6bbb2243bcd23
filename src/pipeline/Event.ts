import { Predicate, Result, Schema, SchemaIssue } from "effect"
import { DecodeFailed, InvalidEvent, SchemaNewer, type Unreadable } from "./PipelineError.ts"

/** A tagged struct Schema that reads and writes JSON: one version of one kind of event. */
export interface EventSchema extends Schema.Codec<{ readonly _tag: string }, unknown> {
  readonly fields: { readonly _tag: { readonly schema: { readonly literal: string } } }
}

/**
 * Where a payload says which version of its event it is. Missing: the first. A Schema may declare the field, as
 * `Schema.tag(1)`; one that declares it as anything else keeps it for itself, and has no versions.
 */
export const versionField = "schemaVersion"

/** One version of an event, and the way to it from the version before. */
interface Step {
  readonly version: number
  readonly schema: EventSchema
  /** From the version before. A method, since each step has types of its own. */
  up(old: unknown): unknown
}

/** An event's Schema and those it had before, oldest first, each with the way from the one before. Made by `versions`. */
export class Versions<Current extends EventSchema> {
  /** The event as handlers get it, whichever version was stored. */
  declare readonly Type: Current["Type"]
  readonly current: Current
  readonly steps: ReadonlyArray<Step>

  constructor(current: Current, steps: ReadonlyArray<Step>) {
    this.current = current
    this.steps = steps
  }

  /**
   * The event's next version, and how one of the version before is read as one of it. Append to the chain and never change
   * what is in it: it reads what is stored. `up` is pure; what it cannot make (`make` throws) is unreadable, and parked.
   */
  next<Next extends EventSchema>(schema: Next, up: (old: Current["Type"]) => NoInfer<Next["Type"]>): Versions<Next> {
    const version = 1 + (this.steps.at(-1)?.version ?? 0)
    return new Versions(schema, [...this.steps, { version, schema, up }])
  }
}

/**
 * The first version of an event that this program still reads: `Event.versions(PaidV1).next(PaidV2, (old) => …)`.
 * It is number 1, or what its Schema declares as `schemaVersion`, unless `first` says otherwise.
 *
 * Stored events never change: they are read by the version they were written as, then brought up step by step, so handlers and
 * `append` know the last one only. One that is newer than this program is `SchemaNewer`, and waits for an instance that knows it.
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Event, EventStream } from "millrace"
 *
 * const PaidV1 = Schema.TaggedStruct("Paid", { user: Schema.String, euros: Schema.Int })
 * const PaidV2 = Schema.TaggedStruct("Paid", { user: Schema.String, cents: Schema.Int })
 *
 * const Payments = EventStream.make("payments", {
 *   subject: "payment",
 *   events: { paid: Event.versions(PaidV1).next(PaidV2, ({ euros, user }) => PaidV2.make({ user, cents: 100 * euros })) },
 *   key: (event) => event.user
 * })
 * ```
 */
export const versions = <First extends EventSchema>(
  schema: First,
  options: { readonly first?: number } = {}
): Versions<First> => {
  const version = options.first ?? declaredIn(schema) ?? 1
  return new Versions(schema, [{ version, schema, up: (same) => same }])
}

/** What a stream is declared with: a Schema, or a Schema with the versions before it. */
export type EventDefinition = EventSchema | Versions<EventSchema>

/** A payload that was read: as it was written, and as today's version of the event. */
export interface ReadEvent {
  /** The version it was written as. */
  readonly schemaVersion: number
  /** In the words of that version. */
  readonly written: unknown
  /** In today's. */
  readonly event: unknown
}

/** How one kind of event is written to JSON text and read from it, in all its versions. */
export interface EventCodec {
  /** The `_tag` of today's version. */
  readonly tag: string
  /** The versions that are read, oldest first. */
  readonly known: ReadonlyArray<number>
  /** Their Schemas, in the same order. */
  readonly schemas: ReadonlyArray<EventSchema>
  readonly write: (event: unknown) => Result.Result<string, InvalidEvent>
  /** Never throws. */
  readonly read: (payload: string) => Result.Result<ReadEvent, Unreadable>
}

/** The codec of an event by its wire name. Dies when a Schema declares another version than its place in the chain. */
export const codecOf = (type: string, definition: EventDefinition): EventCodec => {
  const { current, steps } = definition instanceof Versions ? definition : versions(definition)
  const wrong = steps.find(({ schema, version }) => (declaredIn(schema) ?? version) !== version)
  const stamp = steps.at(-1)?.version ?? 1
  const encode = Schema.encodeUnknownResult(current)
  return {
    tag: current.fields._tag.schema.literal,
    known: steps.map(({ version }) => version),
    schemas: steps.map(({ schema }) => schema),
    write: (event) =>
      wrong === undefined
        ? encode(event).pipe(
            Result.map((encoded) => JSON.stringify(stamped(encoded, stamp))),
            Result.mapError((error) => new InvalidEvent({ type, detail: String(error) }))
          )
        : Result.fail(new InvalidEvent({ type, detail: misdeclared(wrong) })),
    read: wrong === undefined ? reader(type, steps) : () => refused(type, misdeclared(wrong))
  }
}

const misdeclared = ({ schema, version }: Step) =>
  `its Schema declares ${versionField} ${declaredIn(schema)}, and is version ${version} of the chain`

const refused = (type: string, detail: string) => Result.fail(new DecodeFailed({ type, detail }))

/** The first version needs no number: what was stored before there were versions has none. */
const stamped = (encoded: unknown, version: number) =>
  version > 1 && Predicate.isObject(encoded) ? { ...encoded, [versionField]: version } : encoded

const reader = (type: string, steps: ReadonlyArray<Step>): EventCodec["read"] => {
  const decoders = steps.map(({ schema }) => Schema.decodeUnknownResult(schema))
  const hasOwnField = steps.some(({ schema }) => versionField in schema.fields && declaredIn(schema) === undefined)
  const declares = steps.map(({ schema }) => versionField in schema.fields)
  const oldest = steps[0]?.version ?? 1
  const newest = steps.at(-1)?.version ?? 1
  const failed = (error: unknown) => new DecodeFailed({ type, detail: String(error) })

  const read = (payload: string): Result.Result<ReadEvent, Unreadable> => {
    const value: unknown = JSON.parse(payload)
    const version = hasOwnField ? oldest : versionIn(value)
    if (version === undefined) return refused(type, `${versionField} is not a whole number\n  at ["${versionField}"]`)
    if (version > newest) return Result.fail(new SchemaNewer({ type, version, known: newest }))
    const decode = decoders[version - oldest]
    if (decode === undefined)
      return refused(type, `it is of version ${version}; this program reads none before ${oldest}`)
    const body = declares[version - oldest] === true ? value : withoutVersion(value)
    return Result.match(decode(body), {
      onFailure: (error) => Result.fail(failed(error)),
      onSuccess: (written) => upcast(written, version)
    })
  }

  const upcast = (written: unknown, from: number): Result.Result<ReadEvent, DecodeFailed> => {
    const later = steps.filter(({ version }) => version > from)
    return Result.try({
      try: () => ({
        schemaVersion: from,
        written,
        event: later.reduce((event, step) => step.up(event), written)
      }),
      catch: (error) =>
        new DecodeFailed({
          type,
          detail: `it is of version ${from}, and cannot be read as ${newest}: ${saidBy(error)}`
        })
    })
  }

  // What throws is no JSON, or a bug of the Schema's; neither is a reason to stop the partition.
  return (payload) => Result.flatMap(Result.try({ try: () => read(payload), catch: failed }), (result) => result)
}

const issueText = SchemaIssue.makeFormatterDefault()

/** `make` only says in its cause which field it was. */
const saidBy = (error: unknown) =>
  error instanceof Error && SchemaIssue.isIssue(error.cause) ? issueText(error.cause) : String(error)

/** Undefined: it says something that is no version. */
const versionIn = (value: unknown): number | undefined => {
  if (!Predicate.hasProperty(value, versionField)) return 1
  const said = value[versionField]
  return Predicate.isNumber(said) && Number.isSafeInteger(said) && said > 0 ? said : undefined
}

/** For Schemas that do not know of the field and refuse what they do not know. */
const withoutVersion = (value: unknown): unknown => {
  if (!Predicate.isObject(value) || !(versionField in value)) return value
  const { [versionField]: _, ...rest } = value
  return rest
}

/** The number a Schema declares with `schemaVersion: Schema.tag(2)`. */
const declaredIn = ({ fields }: EventSchema): number | undefined => {
  if (!Predicate.hasProperty(fields, versionField)) return undefined
  const field = fields[versionField]
  const literal = Predicate.hasProperty(field, "schema") ? field.schema : field
  return Predicate.hasProperty(literal, "literal") && Predicate.isNumber(literal.literal) ? literal.literal : undefined
}
