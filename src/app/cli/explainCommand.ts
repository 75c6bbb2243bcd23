import { Effect } from "effect"
import { Argument, Command, TerminalCapabilities } from "effect/cli"
import { explainText } from "./explainText.ts"
import { asking, opsFlags } from "./opsFlags.ts"
import { print } from "./Output.ts"

/** `pnpm start explain`. */
export const explainCommand = Command.make(
  "explain",
  { ...opsFlags, name: Argument.String("order-or-user").pipe(Argument.withDescription("An order's id, or a user's")) },
  Effect.fnUntraced(function* ({ name, ...options }) {
    const trace = yield* asking(options, (ops) => ops.trace.trace({ params: { name } }))
    const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
    yield* print(options.output, trace, explainText(trace, canColor), trace.events)
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
