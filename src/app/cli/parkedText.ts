import { DateTime, type Schema } from "effect"
import type { EditAnswer, ParkedDetailBody, ParkedKeyBody } from "../../ops/OpsApi.ts"
import { durationText } from "./durationText.ts"
import { table, type Toned } from "./Table.ts"

const shorten = (text: string, max: number) => (text.length <= max ? text : `${text.slice(0, max - 1)}…`)

/** A row per key. */
export const listText = (
  keys: ReadonlyArray<ParkedKeyBody>,
  total: number,
  nowMs: number,
  canColor: boolean
): string => {
  if (total === 0) return "nothing is parked"
  const rows = keys.map((one) => [
    one.handler,
    one.key,
    { text: one.status, tone: one.status === "parked" ? "bad" : "warn" } satisfies Toned,
    one.reason.tag,
    one.attempts,
    one.first?.version ?? 0,
    one.events,
    durationText(nowMs - DateTime.toEpochMillis(one.parkedAt)),
    shorten(one.reason.message.replaceAll(/\s+/g, " "), 60)
  ])
  const head = ["handler", "key", "status", "reason", "attempts", "version", "events", "age", "message"]
  return [
    table([head, ...rows], canColor),
    ...(keys.length < total ? [`${total - keys.length} more; see --limit`] : [])
  ].join("\n")
}

/** Everything about one key. */
export const detailText = ({ acts, events, parked }: Schema.Schema.Type<typeof ParkedDetailBody>): string =>
  [
    `key ${JSON.stringify(parked.key)}, ${parked.status} for ${parked.handler} since ${DateTime.formatIso(parked.parkedAt)}: ${parked.events} events`,
    `  ${parked.reason.tag}: ${parked.reason.message}`,
    ...(parked.dueAt === null ? [] : [`  next attempt ${DateTime.formatIso(parked.dueAt)}`]),
    `  partition ${parked.partition}, generation ${parked.generation}, trace ${parked.first?.traceparent ?? "–"}`,
    ...section(
      "attempts",
      parked.history.map(
        ({ at, attempt, instance, message, tag }) =>
          `${attempt}  ${DateTime.formatIso(at)}  ${instance}  ${tag}: ${message}`
      )
    ),
    ...section(
      "events",
      events.flatMap(({ original, payload, type, unreadable, version }) => [
        `${version}  ${type}  ${payload}`,
        ...(original === null ? [] : [`   was ${original}`]),
        ...(unreadable === null ? [] : [`   cannot be read: ${unreadable}`])
      ])
    ),
    ...section(
      "acts",
      acts.map(
        ({ act, actor, at, version, why }) =>
          `${DateTime.formatIso(at)}  ${act}${version === null ? "" : ` ${version}`}  by ${actor}${why === "" ? "" : `: ${why}`}`
      )
    ),
    ...section("stack", parked.reason.stack === "" ? [] : parked.reason.stack.split("\n"))
  ].join("\n")

const section = (title: string, lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.length === 0 ? [] : ["", title, ...lines.map((line) => `  ${line}`)]

/** What changed, a line per place. */
export const editText = ({ after, before, diff, dryRun }: Schema.Schema.Type<typeof EditAnswer>): string =>
  [
    ...diff.map((change) => `  ${JSON.stringify(change)}`),
    `before  ${before}`,
    `after   ${after}`,
    dryRun ? "nothing was changed (--dry-run)" : "edited; replay the key to go on"
  ].join("\n")
