import { Effect } from "effect"
import { Argument, Command, TerminalCapabilities } from "effect/cli"
import { activityMax } from "../../ops/OverviewApi.ts"
import { CommandName } from "./CommandName.ts"
import { explainText, type Story } from "./explainText.ts"
import type { OpsClient } from "./OpsClient.ts"
import { asking, opsFlags } from "./opsFlags.ts"
import { print } from "./Output.ts"

/** What is known of a key, and what was said and done about it, as far back as that is kept. */
const tell = Effect.fnUntraced(function* (ops: OpsClient["Service"], name: string) {
  const trace = yield* ops.trace.trace({ params: { name } })
  const activity = yield* ops.overview.activity({ query: { limit: activityMax } })
  return { ...trace, activity: activity.filter(({ key }) => key === trace.key) } satisfies Story
})

/** `pnpm start explain`. */
export const explainCommand = Command.make(
  "explain",
  { ...opsFlags, name: Argument.String("order-or-user").pipe(Argument.withDescription("An order's id, or a user's")) },
  Effect.fnUntraced(function* ({ name, ...options }) {
    const story = yield* asking(options, (ops) => tell(ops, name))
    const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
    yield* print(options.output, story, explainText(story, yield* CommandName, canColor), story.events)
  })
).pipe(
  Command.withDescription(
    "The whole story of one order or user in one timeline: append, outbox, stream, each handler's attempts and effects, what operators did, the trace's id, and why it waits now. `·`: not one of the handler's types."
  ),
  Command.withShortDescription("The whole story of one order, and why it waits now"),
  Command.withExamples([
    { command: "pnpm start explain order-1", description: "Why order-1 is not done" },
    { command: "pnpm start explain ada -o jsonl", description: "An event a line" }
  ])
)
