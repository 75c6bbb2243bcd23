import { DateTime } from "effect"
import type { ActivityBody, AlertBody, InstanceBody, PartitionBody } from "../../ops/OverviewApi.ts"
import { durationText } from "./durationText.ts"
import { toneOf } from "./lagText.ts"
import { painted, table, type Toned } from "./Table.ts"

const timeText = (atMs: number) => DateTime.formatIso(DateTime.makeUnsafe(atMs))

/** A row per process. */
export const instancesText = (instances: ReadonlyArray<InstanceBody>, nowMs: number, canColor: boolean): string => {
  if (instances.length === 0) return "no instance shows itself alive"
  const rows = instances.map((one) => [
    one.id,
    one.host,
    one.version,
    one.roles.join(","),
    durationText(nowMs - one.startedAtMs),
    durationText(one.seenMs),
    one.partitions,
    one.inHand,
    instanceState(one)
  ])
  const versions = new Set(instances.map(({ version }) => version))
  return [
    table(
      [["instance", "host", "version", "roles", "up", "seen ago", "partitions", "in hand", "state"], ...rows],
      canColor
    ),
    ...(versions.size > 1 ? [`${versions.size} versions at the same time: ${[...versions].join(", ")}`] : [])
  ].join("\n")
}

const instanceState = ({ draining, leads }: InstanceBody): Toned => ({
  text: [draining ? "draining" : "active", ...(leads ? ["leads the relay"] : [])].join(", "),
  tone: draining ? "warn" : "good"
})

/** A row per alert. */
export const alertsText = (alerts: ReadonlyArray<AlertBody>, nowMs: number, canColor: boolean): string => {
  if (alerts.length === 0) return "no alert fires"
  const rows = alerts.map((one) => [
    one.name,
    { text: one.firing ? one.severity : "ok", tone: alertTone(one) } satisfies Toned,
    one.firing && one.sinceMs !== null ? durationText(nowMs - one.sinceMs) : "–",
    one.value,
    one.threshold,
    one.summary,
    `docs/runbook.md#${one.runbook.replace(/^.*#/, "")}`
  ])
  return table([["alert", "state", "for", "value", "limit", "what it says", "runbook"], ...rows], canColor)
}

const alertTone = ({ firing, severity }: AlertBody) => {
  if (!firing) return "good" as const
  return severity === "critical" ? ("bad" as const) : ("warn" as const)
}

/** A line per entry, and beneath an act how it is done here. */
export const activityText = (entries: ReadonlyArray<ActivityBody>, canColor: boolean): string => {
  if (entries.length === 0) return "nothing yet"
  return entries
    .flatMap(({ atMs, cli, level, text, what, who }) => [
      `${timeText(atMs)}  ${painted(level.padEnd(7), levelTone(level), canColor)}  ${who}  ${what}: ${text}`,
      ...(cli === null ? [] : [`${" ".repeat(26)}$ ${cli}`])
    ])
    .join("\n")
}

const levelTone = (level: ActivityBody["level"]) => {
  if (level === "error") return "bad" as const
  return level === "warning" ? ("warn" as const) : undefined
}

/** A partition in one line; -1: not known. */
export interface PartitionRow {
  readonly partition: number
  readonly state: string
  readonly lag: number
  readonly oldestMs: number
  readonly perSecond: number
  readonly p95Ms: number
  readonly failures: number
}

const known = (value: number) => (value < 0 ? "–" : value)

/** 0: nothing was measured. */
const time = (ms: number) => (ms <= 0 ? "–" : durationText(ms))

/** A row per partition. */
export const partitionsText = (rows: ReadonlyArray<PartitionRow>, canColor: boolean): string =>
  table(
    [
      ["partition", "lag", "oldest", "per second", "p95", "failures", "state"],
      ...rows.map((row) => [
        row.partition,
        known(row.lag),
        row.lag === 0 ? "–" : time(row.oldestMs),
        known(Math.round(row.perSecond * 10) / 10),
        time(row.p95Ms),
        known(row.failures),
        { text: row.state, tone: toneOf(row.state) } satisfies Toned
      ])
    ],
    canColor
  )

/** One partition closely. */
export const partitionText = (one: PartitionBody, nowMs: number, canColor: boolean): string =>
  [
    `${one.handler}, partition ${one.partition}: ${painted(one.state, toneOf(one.state), canColor)}`,
    `  owner      ${one.owner ?? "nobody"}, epoch ${one.epoch}`,
    `  cursor     ${one.cursor}`,
    `  lag        ${one.lag}${one.lag > 0 ? `, the oldest ${time(one.oldestMs)} old` : ""}`,
    `  in hand    ${known(one.inHand)}`,
    `  pace       ${known(one.perSecond)} a second, p95 ${time(one.p95Ms)}, ${known(one.failures)} failures in the last minute`,
    ...(one.keysInFlight.length === 0 ? [] : [`  in flight  ${one.keysInFlight.join(", ")}`]),
    ...(one.paused === null
      ? []
      : [`  paused     by ${one.paused.actor} ${durationText(nowMs - one.paused.atMs)} ago: ${one.paused.why}`]),
    ...(one.lastError === null
      ? []
      : [
          `  last error ${durationText(nowMs - one.lastError.atMs)} ago, key ${one.lastError.key}: ${one.lastError.message}`
        ])
  ].join("\n")
