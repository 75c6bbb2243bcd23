import { Clock, Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { PartitionCount } from "../../ops/ControlApi.ts"
import type { HandlerBody, OverviewBody } from "../../ops/OverviewApi.ts"
import { exitCode, ExitWith } from "./exitCodes.ts"
import { actor, asking, opsFlags, type OpsOptions, whyFlag } from "./opsFlags.ts"
import { print, say } from "./Output.ts"

const flags = {
  ...opsFlags,
  to: Flag.Int("to").pipe(Flag.withDescription("How many partitions there are to be"), Flag.withSchema(PartitionCount)),
  waitSeconds: Flag.Int("wait").pipe(
    Flag.withDescription("Seconds to wait until every handler has followed; 0: not at all"),
    Flag.withDefault(60),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 86_400 })))
  ),
  why: whyFlag
}

/** How far it has come. `behind`: handlers that still read what was published before, and how much of it. */
interface Report {
  readonly changed: boolean
  readonly partitions: number
  readonly first: number
  readonly settled: boolean
  readonly behind: ReadonlyArray<{ readonly handler: string; readonly events: number; readonly why: string }>
}

/** `pnpm start repartition`. */
export const repartitionCommand = Command.make(
  "repartition",
  flags,
  Effect.fnUntraced(function* ({ to, waitSeconds, why, ...options }) {
    const payload = { act: "repartition", partitions: to, actor: actor(), why } as const
    const { changed } = yield* asking(options, (ops) => ops.control.control({ payload }))
    const look = Effect.map(
      asking(options, (ops) => ops.overview.overview()),
      (overview) => reportOf(overview, to, changed)
    )
    const report = yield* waitSeconds === 0 ? look : settled(options, look, waitSeconds)
    yield* print(options.output, report, textOf(report, to))
    if (waitSeconds > 0 && !report.settled) return yield* new ExitWith({ code: exitCode.timedOut })
  })
).pipe(
  Command.withDescription(
    "Changes the number of partitions while everything runs: what is published from then on goes to new ones, numbered behind the old, and each handler follows when it has read the old ones to their end, so that order is kept. Exits 13 when some have not followed in time; they do so later by themselves."
  ),
  Command.withShortDescription("Changes the number of partitions, while everything runs"),
  Command.withExamples([
    { command: "pnpm start repartition --to 32", description: "For more instances than there are partitions" },
    { command: "pnpm start repartition --to 8 --wait 0", description: "Without waiting for the handlers" }
  ])
)

const reportOf = (
  { first, handlers, partitions, wantedPartitions }: OverviewBody,
  to: number,
  changed: boolean
): Report => {
  const old = handlers.filter((handler) => handler.partitions.first < first)
  const behind = old.map((handler) => ({ handler: handler.name, events: oldEvents(handler), why: whyBehind(handler) }))
  const settled = partitions === to && wantedPartitions === null && behind.length === 0
  return { changed, partitions, first, settled, behind }
}

const oldEvents = ({ partitions }: HandlerBody) => partitions.lag.reduce((sum, lag) => sum + Math.max(0, lag), 0)

const whyBehind = (handler: HandlerBody) => {
  const { partitions, paused, resting } = handler
  if (oldEvents(handler) === 0) return "it hands them over"
  if (paused !== null) return `paused by ${paused.actor}`
  if (resting !== null) return `it rests: ${resting}`
  return partitions.states.includes("u") ? "nobody works on some of its partitions" : "it reads them"
}

/** Between two looks. */
const lookEvery = "500 millis"

/** Looks until all have followed, or the time is over, and says what changes meanwhile. */
const settled = Effect.fnUntraced(function* <E, R>(
  { output }: OpsOptions,
  look: Effect.Effect<Report, E, R>,
  waitSeconds: number
) {
  const untilMs = (yield* Clock.currentTimeMillis) + 1_000 * waitSeconds
  let report = yield* look
  let said = ""
  while (!report.settled && (yield* Clock.currentTimeMillis) < untilMs) {
    yield* Effect.sleep(lookEvery)
    report = yield* look
    const line = progressOf(report)
    if (output === "text" && line !== said && line !== "") yield* say(line)
    said = line
  }
  return report
})

const progressOf = ({ behind }: Report) =>
  behind.map(({ events, handler, why }) => `${handler}: ${events} events of before left, ${why}`).join("; ")

const textOf = (report: Report, to: number) => {
  const { behind, changed, first, partitions, settled: isSettled } = report
  if (!changed && isSettled) return `nothing changed: there are ${to} partitions`
  const last = first + partitions - 1
  if (isSettled) return `${to} partitions, ${first} to ${last}; every handler has followed`
  if (partitions !== to)
    return `${to} partitions are wanted; the relay begins with them as soon as one leads and no instance of an earlier version runs`
  return [
    `${to} partitions, ${first} to ${last}; these handlers follow by themselves when they have read the ones of before:`,
    ...behind.map(({ events, handler, why }) => `  ${handler}  ${events} events left, ${why}`)
  ].join("\n")
}
