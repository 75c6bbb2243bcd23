import { DateTime, Effect, Option, Schema } from "effect"
import { Argument, Command, Flag, TerminalCapabilities } from "effect/cli"
import { PartitionNumber } from "../../ops/ControlApi.ts"
import { activityMax, partitionStates } from "../../ops/OverviewApi.ts"
import { CommandFailed, exitCode, ExitWith } from "./exitCodes.ts"
import { criticalOf, staleLines } from "./lagText.ts"
import {
  activityText,
  alertsText,
  instancesText,
  type PartitionRow,
  partitionsText,
  partitionText
} from "./lookText.ts"
import { asking, opsFlags, type OpsOptions } from "./opsFlags.ts"
import { print, say } from "./Output.ts"

/** The pipeline now; what is old of it is said. */
const overviewOf = Effect.fnUntraced(function* (options: OpsOptions) {
  const overview = yield* asking(options, (ops) => ops.overview.overview())
  yield* Effect.forEach(staleLines(overview, overview.atMs), say, { discard: true })
  return overview
})

const canColor = Effect.map(TerminalCapabilities.TerminalCapabilities, (terminal) => terminal.canColor)

/** `pnpm start instances`. */
export const instancesCommand = Command.make(
  "instances",
  opsFlags,
  Effect.fnUntraced(function* (options) {
    const { atMs, instances } = yield* overviewOf(options)
    yield* print(options.output, instances, instancesText(instances, atMs, yield* canColor), instances)
  })
).pipe(
  Command.withDescription("The processes that take part: what they do, have, and when they were last seen"),
  Command.withExamples([{ command: "pnpm start instances", description: "All of them" }])
)

/** `pnpm start alerts`. */
export const alertsCommand = Command.make(
  "alerts",
  {
    ...opsFlags,
    all: Flag.Boolean("all").pipe(Flag.withDescription("Also those that do not fire"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* ({ all, ...options }) {
    const overview = yield* overviewOf(options)
    const alerts = overview.alerts.filter(({ firing }) => all || firing)
    yield* print(options.output, alerts, alertsText(alerts, overview.atMs, yield* canColor), alerts)
    if (criticalOf(overview).length > 0) return yield* new ExitWith({ code: exitCode.unhealthy })
  })
).pipe(
  Command.withDescription("The alerts that fire. Exits 10 when one of severity critical does."),
  Command.withShortDescription("The alerts that fire"),
  Command.withExamples([
    { command: "pnpm start alerts", description: "What fires now" },
    { command: "pnpm start alerts --all -o json", description: "Every rule with its value and limit" }
  ])
)

/** `pnpm start activity`. */
export const activityCommand = Command.make(
  "activity",
  {
    ...opsFlags,
    limit: Flag.Int("limit").pipe(
      Flag.withDefault(50),
      Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: activityMax })))
    )
  },
  Effect.fnUntraced(function* ({ limit, ...options }) {
    const entries = yield* asking(options, (ops) => ops.overview.activity({ query: { limit } }))
    yield* print(options.output, entries, activityText(entries, yield* canColor), entries)
  })
).pipe(
  Command.withDescription("What operators did, and what the pipeline had to say; the newest first"),
  Command.withExamples([{ command: "pnpm start activity --limit 20", description: "The last twenty" }])
)

/** `pnpm start partitions`. */
export const partitionsCommand = Command.make(
  "partitions",
  {
    ...opsFlags,
    handler: Argument.String("handler"),
    partition: Argument.Int("partition").pipe(
      Argument.withDescription("One of them closely: its owner, cursor and last error"),
      Argument.withSchema(PartitionNumber),
      Argument.optional
    )
  },
  ({ handler, partition, ...options }) =>
    Option.match(partition, { onNone: () => every(options, handler), onSome: (one) => closely(options, handler, one) })
).pipe(
  Command.withDescription("A handler's partitions, each with its state, lag, pace and failures"),
  Command.withExamples([
    { command: "pnpm start partitions mail", description: "All of them" },
    { command: "pnpm start partitions mail 3", description: "One closely" }
  ])
)

const every = Effect.fnUntraced(function* (options: OpsOptions, name: string) {
  const { handlers } = yield* overviewOf(options)
  const handler = handlers.find((one) => one.name === name)
  if (handler === undefined) {
    const message = `there is no handler ${name}; there are ${handlers.map((one) => one.name).join(", ")}`
    return yield* new CommandFailed({ message, code: exitCode.failure })
  }
  const { failures, first, lag, oldestMs, p95Ms, perSecond, states } = handler.partitions
  const letters: Readonly<Record<string, string>> = partitionStates
  const rows = [...states].map((letter, i): PartitionRow => ({
    partition: first + i,
    state: letters[letter] ?? letter,
    lag: lag[i] ?? -1,
    oldestMs: oldestMs[i] ?? -1,
    perSecond: perSecond[i] ?? -1,
    p95Ms: p95Ms[i] ?? -1,
    failures: failures[i] ?? -1
  }))
  yield* print(options.output, rows, partitionsText(rows, yield* canColor), rows)
})

const closely = Effect.fnUntraced(function* (options: OpsOptions, handler: string, partition: number) {
  const found = yield* asking(options, (ops) => ops.overview.partition({ params: { handler, partition } }))
  const now = DateTime.toEpochMillis(yield* DateTime.now)
  yield* print(options.output, found, partitionText(found, now, yield* canColor))
})
