import { Clock, Effect, Option, Schema } from "effect"
import { Argument, Command, Flag, TerminalCapabilities } from "effect/cli"
import { cliOfShow } from "../../ops/cliTwin.ts"
import { CommandName } from "./CommandName.ts"
import { type AcknowledgeAnswer, type ViolationsBody, violationsListedMax } from "../../ops/ViolationsApi.ts"
import { durationText } from "./durationText.ts"
import { CommandFailed, exitCode, ExitWith } from "./exitCodes.ts"
import { actor, asking, opsFlags, whyFlag } from "./opsFlags.ts"
import { print } from "./Output.ts"
import { table } from "./Table.ts"

const list = Command.make(
  "list",
  {
    ...opsFlags,
    handler: Flag.String("handler").pipe(Flag.withDescription("Only of this handler"), Flag.optional),
    key: Flag.String("key").pipe(Flag.withDescription("Only of this key (a user's id)"), Flag.optional),
    all: Flag.Boolean("all").pipe(Flag.withDescription("Also those that were acknowledged"), Flag.withDefault(false)),
    limit: Flag.Int("limit").pipe(
      Flag.withDefault(100),
      Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: violationsListedMax })))
    )
  },
  Effect.fnUntraced(function* ({ all, handler, key, limit, ...options }) {
    const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
    const query = {
      ...(Option.isSome(handler) ? { handler: handler.value } : {}),
      ...(Option.isSome(key) ? { key: key.value } : {}),
      which: all ? ("all" as const) : ("open" as const),
      limit
    }
    const found = yield* asking(options, (ops) => ops.violations.list({ query }))
    yield* print(options.output, found, listText(found, yield* Clock.currentTimeMillis, canColor), found.violations)
    if (found.open > 0) return yield* new ExitWith({ code: exitCode.orderViolated })
  })
).pipe(
  Command.withDescription(
    "Order violations that nobody has acknowledged, the newest first. Exits 11 when there are any; with --all those that were are shown too."
  ),
  Command.withShortDescription("Order violations, the newest first"),
  Command.withExamples([
    { command: "pnpm start violations list", description: "Those that are open" },
    { command: "pnpm start violations list --all -o json", description: "All there ever were" }
  ])
)

/** A row each; who acknowledged it, and why, at the end. */
const listText = ({ open, violations }: ViolationsBody, nowMs: number, canColor: boolean): string => {
  if (violations.length === 0) return "no order violation is open"
  const rows = violations.map(({ acknowledged, handledVersion, handler, key, parkedEvents, seenAtMs, version }) => [
    handler,
    key,
    handledVersion,
    version,
    `${durationText(Math.max(0, nowMs - seenAtMs))}`,
    parkedEvents,
    acknowledged === null
      ? ({ text: "open", tone: "bad" } as const)
      : `acknowledged by ${acknowledged.actor}: ${acknowledged.why}`
  ])
  const shown = table([["handler", "key", "had", "got", "ago", "parked", "state"], ...rows], canColor)
  return `${shown}\n${open} open`
}

const acknowledge = Command.make(
  "acknowledge",
  {
    ...opsFlags,
    handler: Argument.String("handler"),
    key: Argument.String("key"),
    upTo: Flag.Int("up-to").pipe(
      Flag.withDescription("The id (`violations list -o json`) of the newest that was looked at; later ones stay open"),
      Flag.withSchema(Schema.Int.check(Schema.isGreaterThan(0))),
      Flag.optional
    ),
    dryRun: Flag.Boolean("dry-run").pipe(Flag.withDescription("Only say what would happen"), Flag.withDefault(false)),
    why: whyFlag
  },
  Effect.fnUntraced(function* ({ dryRun, handler, key, upTo, why, ...options }) {
    if (why === "")
      return yield* new CommandFailed({ message: "acknowledging needs what was found: --why", code: exitCode.usage })
    const upToId = Option.isSome(upTo) ? { upToId: upTo.value } : {}
    const payload = { handler, key, ...upToId, dryRun, actor: actor(), why }
    const answer = yield* asking(options, (ops) => ops.violations.acknowledge({ payload }))
    yield* print(options.output, answer, acknowledgedText(yield* CommandName, handler, key, answer))
  })
).pipe(
  Command.withDescription(
    "Says that somebody has looked into the order violations of a key, and what was found (--why). They stay on record, and no longer count for the alert, the doctor and the audit; the next one does. What is parked of the key stays parked."
  ),
  Command.withShortDescription("Says that violations were looked into; they count no more"),
  Command.withExamples([
    {
      command: `pnpm start violations acknowledge mail ada --why "a script wrote to the stream; its rights are gone"`,
      description: "Those of one key"
    },
    {
      command: `pnpm start violations acknowledge mail ada --why "restored to different times" --dry-run`,
      description: "How many they are"
    }
  ])
)

const acknowledgedText = (
  command: string,
  handler: string,
  key: string,
  { acknowledged, dryRun, parkedEvents }: typeof AcknowledgeAnswer.Type
) => {
  const what = `${acknowledged} ${acknowledged === 1 ? "violation" : "violations"} of ${key} for ${handler}`
  const said = dryRun ? `${what} would be acknowledged; nothing was (--dry-run)` : `acknowledged ${what}`
  const parked = parkedEvents === 1 ? "1 event of it stays parked" : `${parkedEvents} events of it stay parked`
  return parkedEvents === 0 ? said : `${said}\n${parked}: ${cliOfShow(command, handler, key)}`
}

/** `pnpm start violations list|acknowledge`. */
export const violationsCommand = Command.make("violations").pipe(
  Command.withDescription("Order violations: events that a handler was given before the ones they follow"),
  Command.withShortDescription("Order violations: list, acknowledge"),
  Command.withSubcommands([list, acknowledge])
)
