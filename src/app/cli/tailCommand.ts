import { DateTime, Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { PartitionNumber } from "../../ops/ControlApi.ts"
import { type EventState, eventStates } from "../../ops/eventStates.ts"
import { tailMax, type TailEventBody } from "../../ops/TraceApi.ts"
import { asking, opsFlags, type OpsOptions } from "./opsFlags.ts"
import { print, say } from "./Output.ts"

const flags = {
  ...opsFlags,
  type: Flag.String("type").pipe(Flag.withDescription("Only events of this type, such as paid"), Flag.optional),
  key: Flag.String("key").pipe(Flag.withDescription("Only of this key (a user's id)"), Flag.optional),
  partition: Flag.Int("partition").pipe(
    Flag.withDescription("Only of this partition"),
    Flag.withSchema(PartitionNumber),
    Flag.optional
  ),
  outcome: Flag.Literals("outcome", eventStates).pipe(
    Flag.withDescription("Only events of which a handler has made this; printed once they have come to it"),
    Flag.optional
  ),
  handler: Flag.String("handler").pipe(
    Flag.withDescription("With --outcome: only what this handler has made of them"),
    Flag.optional
  ),
  last: Flag.Int("last").pipe(
    Flag.withDescription("Events to begin with, the newest"),
    Flag.withDefault(10),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: tailMax })))
  ),
  follow: Flag.Boolean("follow").pipe(
    Flag.withDescription("Go on until Ctrl-C; --no-follow ends with what is there"),
    Flag.withDefault(true)
  )
}

interface TailOptions extends OpsOptions {
  readonly type: Option.Option<string>
  readonly key: Option.Option<string>
  readonly partition: Option.Option<number>
  readonly outcome: Option.Option<EventState>
  readonly handler: Option.Option<string>
}

/** How often the stream is looked at. */
const pause = "500 millis"

/** `pnpm start tail`. */
export const tailCommand = Command.make(
  "tail",
  flags,
  Effect.fnUntraced(function* ({ follow, last, ...options }) {
    const isOfOutcome = Option.isSome(options.outcome)
    const newest = yield* read(options, { limit: isOfOutcome ? tailMax : last })
    yield* show(options, newest.events.slice(0, last))
    if (!follow) return
    return yield* isOfOutcome ? followingOutcome(options, newest.events) : following(options, newest.lastSeq)
  })
).pipe(
  Command.withDescription(
    "The newest events of the stream, and those to come. With --output json or jsonl one document a line."
  ),
  Command.withShortDescription("The newest events of the stream, and those to come"),
  Command.withExamples([
    { command: "pnpm start tail", description: "All events" },
    { command: "pnpm start tail --type paid --key ada", description: "The payments of ada" },
    { command: "pnpm start tail --outcome parked --handler push", description: "What push has given up, as it does" },
    { command: "pnpm start tail --partition 11 --last 100 --no-follow -o jsonl", description: "What is there, and end" }
  ])
)

const filterOf = ({ handler, key, outcome, partition, type }: TailOptions) => ({
  ...(Option.isSome(type) ? { type: type.value } : {}),
  ...(Option.isSome(key) ? { key: key.value } : {}),
  ...(Option.isSome(partition) ? { partition: partition.value } : {}),
  ...(Option.isSome(outcome) ? { outcome: outcome.value } : {}),
  ...(Option.isSome(handler) ? { handler: handler.value } : {})
})

const read = (options: TailOptions, place: { readonly limit: number; readonly afterSeq?: number }) =>
  asking(options, (ops) => ops.trace.tail({ query: { ...filterOf(options), ...place } }))

const following = Effect.fnUntraced(function* (options: TailOptions, lastSeq: number) {
  let afterSeq = lastSeq
  const look = Effect.gen(function* () {
    const { events, lastSeq: seen } = yield* read(options, { limit: tailMax, afterSeq })
    if (events.length === tailMax) yield* say(`more events came than are shown: the newest ${tailMax} of them`)
    yield* show(options, events)
    afterSeq = Math.max(afterSeq, seen)
  })
  return yield* Effect.sleep(pause).pipe(
    Effect.andThen(Effect.catch(look, ({ message }) => say(message))),
    Effect.forever
  )
})

/** What comes of an event comes after it: the newest are looked at again and again, and each is shown once. */
const followingOutcome = Effect.fnUntraced(function* (options: TailOptions, first: ReadonlyArray<TailEventBody>) {
  let shown = new Set(first.map(({ seq }) => seq))
  const look = Effect.gen(function* () {
    const { events } = yield* read(options, { limit: tailMax })
    yield* show(
      options,
      events.filter(({ seq }) => !shown.has(seq))
    )
    shown = new Set(events.map(({ seq }) => seq))
  })
  return yield* Effect.sleep(pause).pipe(
    Effect.andThen(Effect.catch(look, ({ message }) => say(message))),
    Effect.forever
  )
})

const show = ({ output }: TailOptions, newestFirst: ReadonlyArray<TailEventBody>) =>
  Effect.forEach(
    newestFirst.toReversed(),
    (event) => print(output === "text" ? "text" : "jsonl", event, lineOf(event)),
    { discard: true }
  )

const lineOf = ({ handlers, key, partition, payloadBytes, seq, storedAtMs, type, version }: TailEventBody) =>
  [
    DateTime.formatIso(DateTime.makeUnsafe(storedAtMs)),
    String(seq).padStart(9),
    `p${partition}`.padEnd(5),
    type.padEnd(12),
    `${key}@${version}`,
    `${payloadBytes} B`,
    ...(handlers === undefined ? [] : [handlers.join(", ")])
  ].join("  ")
