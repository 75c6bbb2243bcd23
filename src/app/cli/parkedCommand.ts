import { Clock, Effect, Option, Schema } from "effect"
import { Argument, Command, Flag, TerminalCapabilities } from "effect/cli"
import {
  type ActAnswer,
  EditAnswer,
  keysActedMax,
  keysListedMax,
  ParkedDetailBody,
  ParkedKeyBody,
  replayRateDefaultPerSecond
} from "../../ops/OpsApi.ts"
import { durationText } from "./durationText.ts"
import { CommandFailed, exitCode, ExitWith } from "./exitCodes.ts"
import { actor, asking, opsFlags, type OpsOptions, whyFlag as why } from "./opsFlags.ts"
import { print, say } from "./Output.ts"
import { detailText, editText, listText } from "./parkedText.ts"
import { waitForReplay } from "./replayProgress.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const filters = {
  handler: Flag.String("handler").pipe(Flag.withDescription("Only of this handler"), Flag.optional),
  key: Flag.String("key").pipe(
    Flag.withDescription("Only this key (a user's id), or one event of a balanced handler (ada@5)"),
    Flag.optional
  ),
  tag: Flag.String("tag").pipe(Flag.withDescription("Only with this reason, such as MailFailed"), Flag.optional),
  olderThan: Flag.Int("older-than").pipe(
    Flag.withDescription("Only parked for so many seconds at least"),
    Flag.withSchema(between(0, 315_360_000)),
    Flag.optional
  )
}

interface Filters {
  readonly handler: Option.Option<string>
  readonly key: Option.Option<string>
  readonly tag: Option.Option<string>
  readonly olderThan: Option.Option<number>
}

const filterOf = ({ handler, key, olderThan, tag }: Filters) => ({
  ...(Option.isSome(handler) ? { handler: handler.value } : {}),
  ...(Option.isSome(key) ? { key: key.value } : {}),
  ...(Option.isSome(tag) ? { tag: tag.value } : {}),
  ...(Option.isSome(olderThan) ? { olderThanSeconds: olderThan.value } : {})
})

const dryRun = Flag.Boolean("dry-run").pipe(Flag.withDescription("Only say what would happen"), Flag.withDefault(false))

// It was decoded by the same Schema.
const encoded = <A, I>(schema: Schema.Codec<A, I>, value: A) => Effect.orDie(Schema.encodeEffect(schema)(value))

const list = Command.make(
  "list",
  {
    ...opsFlags,
    ...filters,
    all: Flag.Boolean("retrying").pipe(
      Flag.withDescription("Also keys that wait for an attempt that comes by itself"),
      Flag.withDefault(false)
    ),
    limit: Flag.Int("limit").pipe(Flag.withDefault(100), Flag.withSchema(between(1, keysListedMax)))
  },
  Effect.fnUntraced(function* ({ all, limit, ...options }) {
    const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
    const status = all ? {} : ({ status: "parked" } as const)
    const found = yield* asking(options, (ops) =>
      ops.parked.list({ query: { ...filterOf(options), ...status, limit } })
    )
    const keys = yield* encoded(Schema.Array(ParkedKeyBody), found.keys)
    const text = listText(found.keys, found.total, yield* Clock.currentTimeMillis, canColor)
    yield* print(options.output, { total: found.total, keys }, text, keys)
    if (found.total > 0) return yield* new ExitWith({ code: exitCode.parkedRemain })
  })
).pipe(
  Command.withDescription("Keys that wait for somebody, the oldest first. Exits 12 when there are any."),
  Command.withExamples([
    { command: "pnpm start parked list", description: "All of them" },
    { command: "pnpm start parked list --handler mail --older-than 3600 -o json", description: "Mail, for an hour" }
  ])
)

const handlerArgument = Argument.String("handler")
const keyArgument = Argument.String("key")

const show = Command.make(
  "show",
  {
    ...opsFlags,
    handler: handlerArgument,
    key: keyArgument,
    events: Flag.Int("events").pipe(Flag.withDefault(100), Flag.withSchema(between(1, 1_000)))
  },
  Effect.fnUntraced(function* ({ events, handler, key, ...options }) {
    const detail = yield* asking(options, (ops) => ops.parked.show({ params: { handler, key }, query: { events } }))
    yield* print(options.output, yield* encoded(ParkedDetailBody, detail), detailText(detail))
  })
).pipe(
  Command.withDescription("One parked key: why, its attempts, its events, what was done to it"),
  Command.withExamples([{ command: "pnpm start parked show push ada", description: "The pushes to ada" }])
)

const edit = Command.make(
  "edit",
  {
    ...opsFlags,
    handler: handlerArgument,
    key: keyArgument,
    version: Argument.Int("version"),
    payload: Flag.String("payload").pipe(Flag.withDescription("The event as JSON; it has to fit its Schema")),
    dryRun,
    why
  },
  Effect.fnUntraced(function* ({ dryRun: dry, handler, key, payload, version, why: reason, ...options }) {
    const body = { handler, key, version, payload, dryRun: dry, actor: actor(), why: reason }
    const edited = yield* asking(options, (ops) => ops.parked.edit({ payload: body }))
    yield* print(options.output, yield* encoded(EditAnswer, edited), editText(edited))
  })
).pipe(
  Command.withDescription(
    "Replaces an event's payload. The original is kept, the change is on record; replay goes on with it."
  ),
  Command.withExamples([
    {
      command: `pnpm start parked edit mail ada 3 --payload '{"_tag":"OrderPaid", …}' --dry-run`,
      description: "Shows the difference only"
    }
  ])
)

const bulk = {
  ...opsFlags,
  ...filters,
  all: Flag.Boolean("all").pipe(Flag.withDescription("Every parked key"), Flag.withDefault(false)),
  limit: Flag.Int("limit").pipe(
    Flag.withDescription(`So many keys at most, the oldest first; ${keysActedMax} a request`),
    Flag.withSchema(between(1, keysActedMax)),
    Flag.optional
  ),
  dryRun,
  why
}

interface Bulk extends OpsOptions, Filters {
  readonly all: boolean
  readonly limit: Option.Option<number>
  readonly dryRun: boolean
  readonly why: string
}

interface Pace {
  readonly ratePerSecond: number
  readonly wait: boolean
}

const act = Effect.fnUntraced(function* (name: "replay" | "skip" | "discard", options: Bulk, pace?: Pace) {
  const filter = filterOf(options)
  if (!options.all && Object.keys(filter).length === 0) {
    const message = `say which keys: --key, --handler, --tag or --older-than; or --all`
    return yield* new CommandFailed({ message, code: exitCode.usage })
  }
  if (name === "discard" && options.why === "")
    return yield* new CommandFailed({ message: "discarding needs a reason: --why", code: exitCode.usage })
  const payload = {
    act: name,
    // What waits for an attempt of its own is left alone, unless it is called by its name.
    filter: Option.isSome(options.key) ? filter : { ...filter, status: "parked" as const },
    ...(Option.isSome(options.limit) ? { limit: options.limit.value } : {}),
    ...(pace === undefined ? {} : { ratePerSecond: pace.ratePerSecond }),
    dryRun: options.dryRun,
    actor: actor(),
    why: options.why
  }
  const answer = yield* asking(options, (ops) => ops.parked.act({ payload }))
  yield* print(options.output, answer, answerText(name, answer))
  if (answer.matched === 0) return yield* say("no parked key is meant by this")
  if (pace === undefined || answer.done === 0) return
  const { ratePerSecond, wait } = pace
  if (wait) return yield* waitForReplay(options, { filter, keys: answer.done, ratePerSecond })
  yield* say(
    `they have their turns within ${durationText((answer.done / ratePerSecond) * 1_000)}; --wait shows how it goes`
  )
})

/** Names are cut off at a hundred; whether all are meant, or only the oldest, is said. */
const answerText = (name: string, { done, dryRun: dry, keys, matched }: typeof ActAnswer.Type) => {
  const acted = dry ? matched : done
  const more = acted > keys.length ? [`  … and ${acted - keys.length} more`] : []
  const rest = !dry && done < matched ? `; the other ${matched - done} are left: run it again for the next` : ""
  return [
    ...keys.map(({ handler, key }) => `  ${handler}  ${key}`),
    ...more,
    dry
      ? `${name} would be done to ${matched} keys; nothing was (--dry-run)`
      : `${name}: ${done} of ${matched} keys${rest}`
  ].join("\n")
}

const replay = Command.make(
  "replay",
  {
    ...bulk,
    rate: Flag.Int("rate").pipe(
      Flag.withDescription("Keys a second"),
      Flag.withDefault(replayRateDefaultPerSecond),
      Flag.withSchema(between(1, 100_000))
    ),
    wait: Flag.Boolean("wait").pipe(
      Flag.withDescription("Until each had its turn, with progress; ends with 12 when some are parked again"),
      Flag.withDefault(false)
    )
  },
  ({ rate, wait, ...options }) => act("replay", options, { ratePerSecond: rate, wait })
).pipe(
  Command.withDescription("Tries parked keys again: all their events, in order; then they go on with what is new"),
  Command.withExamples([
    {
      command: "pnpm start parked replay --handler mail --tag MailFailed",
      description: "After the mail server is back"
    },
    { command: "pnpm start parked replay --all --dry-run", description: "What would be replayed" },
    { command: "pnpm start parked replay --all --rate 500 --wait", description: "All of them, with progress" }
  ])
)

const skip = Command.make("skip", bulk, (options) => act("skip", options)).pipe(
  Command.withDescription("Takes the failing event out (it is kept on record), and replays what is behind it"),
  Command.withExamples([{ command: "pnpm start parked skip --handler push --key ada", description: "One event" }])
)

const discard = Command.make("discard", bulk, (options) => act("discard", options)).pipe(
  Command.withDescription("Takes all parked events of a key out (they are kept on record). Needs --why."),
  Command.withExamples([
    {
      command: `pnpm start parked discard --handler push --key ada --why "account closed"`,
      description: "All of one key"
    }
  ])
)

/** `pnpm start parked list|show|edit|replay|skip|discard`. */
export const parkedCommand = Command.make("parked").pipe(
  Command.withDescription(
    "Keys that a handler has given up, with all that waits behind them; through a running pipeline"
  ),
  Command.withShortDescription("Keys that a handler has given up: list, mend, replay"),
  Command.withSubcommands([list, show, edit, replay, skip, discard])
)
