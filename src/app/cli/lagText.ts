import { DateTime } from "effect"
import { type AlertBody, type HandlerBody, type OverviewBody, partitionStates } from "../../ops/OverviewApi.ts"
import { durationText } from "./durationText.ts"
import { painted, table, type Tone, type Toned } from "./Table.ts"

/** A handler in one line. */
export interface LagRow {
  readonly handler: string
  readonly lag: number
  readonly oldestMs: number
  readonly perSecond: number
  readonly p95Ms: number | null
  readonly drainSeconds: number | null
  readonly parkedKeys: number
  readonly violations: number
  readonly state: string
}

/** All that `lag` shows, as programs get it. */
export interface LagReport {
  readonly atMs: number
  readonly outboxRows: number
  readonly stale: OverviewBody["stale"]
  readonly handlers: ReadonlyArray<LagRow>
  readonly critical: ReadonlyArray<AlertBody>
}

/** Letters of `partitionStates`, the worst first: a handler is as well as the worst of its partitions. */
const worstFirst = ["f", "s", "u", "h", "p", "d", "a", "i"] as const

/** What a handler is at: as somebody or its breaker has said, else as the worst of its partitions. */
export const stateOf = ({ partitions: { states }, paused, resting }: HandlerBody): string => {
  if (paused !== null) return `paused by ${paused.actor}`
  if (resting !== null) return `held: ${resting}`
  const worst = worstFirst.find((letter) => states.includes(letter))
  if (worst === undefined) return "unowned"
  const count = [...states].filter((letter) => letter === worst).length
  return count === states.length || worst === "a"
    ? partitionStates[worst]
    : `${partitionStates[worst]} ${count}/${states.length}`
}

/** The tone of a state's first word. */
export const toneOf = (state: string): Tone | undefined => {
  if (/^(failing|stalled|unowned)/.test(state)) return "bad"
  if (/^(held|paused|draining)/.test(state)) return "warn"
  return state.startsWith("active") ? "good" : undefined
}

const rowOf = (handler: HandlerBody): LagRow => ({
  handler: handler.name,
  lag: handler.lag,
  oldestMs: handler.oldestMs,
  perSecond: handler.handledPerSecond,
  p95Ms: handler.latency?.p95 ?? null,
  drainSeconds: handler.drainSeconds,
  parkedKeys: handler.parkedKeys,
  violations: handler.violations,
  state: stateOf(handler)
})

/** The alerts that somebody has to get up for. */
export const criticalOf = ({ alerts }: Pick<OverviewBody, "alerts">): ReadonlyArray<AlertBody> =>
  alerts.filter(({ firing, severity }) => firing && severity === "critical")

/** What `lag` shows of a pipeline. */
export const lagReport = (overview: OverviewBody): LagReport => ({
  atMs: overview.atMs,
  outboxRows: overview.outbox.rows,
  stale: overview.stale,
  handlers: overview.handlers.map(rowOf).toSorted((a, b) => a.handler.localeCompare(b.handler)),
  critical: criticalOf(overview)
})

const drainText = ({ drainSeconds, lag }: LagRow) => {
  if (lag === 0) return "–"
  return drainSeconds === null ? "never" : durationText(drainSeconds * 1_000)
}

const stateCell = (row: LagRow): Toned =>
  row.violations === 0
    ? { text: row.state, tone: toneOf(row.state) }
    : { text: `${row.violations} ORDER VIOLATIONS, ${row.state}`, tone: "bad" }

/** A table, and beneath it what fires and what could not be read. */
export const lagText = (report: LagReport, canColor: boolean): string => {
  const head = ["handler", "lag", "oldest", "per second", "p95", "parked", "drained in", "state"]
  const rows = report.handlers.map((row) => [
    row.handler,
    row.lag,
    row.lag === 0 ? "–" : durationText(row.oldestMs),
    Math.round(row.perSecond * 10) / 10,
    row.p95Ms === null ? "–" : durationText(row.p95Ms),
    row.parkedKeys,
    drainText(row),
    stateCell(row)
  ])
  return [
    table([head, ...rows], canColor),
    ...(report.outboxRows === 0 ? [] : [`${report.outboxRows} events wait to be published`]),
    ...staleLines(report, report.atMs),
    ...report.critical.map((alert) => alertLine(alert, canColor))
  ].join("\n")
}

/** What is shown as it was, because it could not be read. */
export const staleLines = ({ stale }: Pick<OverviewBody, "stale">, nowMs: number): ReadonlyArray<string> =>
  stale.map(({ sinceMs, what, why }) => `old for ${durationText(nowMs - sinceMs)}: ${what} cannot be read (${why})`)

/** An alert that fires, in one line. */
export const alertLine = ({ name, runbook, summary, threshold, value }: AlertBody, canColor: boolean): string =>
  `${painted("ALERT", "bad", canColor)}  ${name}: ${summary} (${value}, limit ${threshold}; docs/runbook.md#${runbook})`

/** A line per look, for where nothing can be redrawn. */
export const lagLine = ({ atMs, critical, handlers }: LagReport): string =>
  [
    DateTime.formatIso(DateTime.makeUnsafe(atMs)),
    ...handlers.map(({ handler, lag, oldestMs, state }) =>
      lag === 0 ? `${handler} 0 ${state}` : `${handler} ${lag} (${durationText(oldestMs)}) ${state}`
    ),
    ...critical.map(({ name }) => `ALERT ${name}`)
  ].join("  ")
