import { DateTime } from "effect"
import type { OverviewBody } from "../../ops/OverviewApi.ts"
import { durationText } from "./durationText.ts"
import { criticalOf } from "./lagText.ts"
import { painted, type Tone, type Toned } from "./Table.ts"

const separator = "  "

const rate = (perSecond: number) => (perSecond < 10 ? Math.round(perSecond * 10) / 10 : Math.round(perSecond))

const counted = (count: number, one: string, many: string) => `${count} ${count === 1 ? one : many}`

const plain = (text: string): Toned => ({ text, tone: undefined })

/** Only what is so: a pipeline at rest is told in a few words. */
const when = (is: boolean, text: string, tone: Tone): ReadonlyArray<Toned> => (is ? [{ text, tone }] : [])

/** What a pipeline is at, the most important first: what does not fit is cut off at its end. */
const partsOf = (overview: OverviewBody): ReadonlyArray<Toned> => {
  const { instances, lag, latency, outbox, parked, rates, relay, stale, violations } = overview
  return [
    plain(`in ${rate(rates.appended)}/s, handled ${rate(rates.handled)}/s`),
    plain(lag.events === 0 ? "lag 0" : `lag ${lag.events} (${durationText(lag.oldestMs)})`),
    ...when(violations > 0, counted(violations, "ORDER VIOLATION", "ORDER VIOLATIONS"), "bad"),
    ...criticalOf(overview).map(({ name }): Toned => ({ text: `ALERT ${name}`, tone: "bad" })),
    ...when(relay.leader === null, "no relay", "bad"),
    ...stale.map(({ what }): Toned => ({ text: `${what} cannot be read`, tone: "bad" })),
    ...when(parked.keys > 0, `${parked.keys} parked`, "warn"),
    ...when(outbox.rows > 0, `outbox ${outbox.rows} (${durationText(outbox.oldestMs)})`, "warn"),
    plain(counted(instances.length, "instance", "instances")),
    ...(latency === null ? [] : [plain(`p95 ${durationText(latency.p95)}`)])
  ]
}

const timeOf = ({ atMs }: OverviewBody) => DateTime.formatIso(DateTime.makeUnsafe(atMs))

/** In one line of a terminal, never wider than that. */
export const statusLine = (overview: OverviewBody, columns: number, canColor: boolean): string => {
  const parts = [plain(timeOf(overview).slice(11, 19)), ...partsOf(overview)]
  let room = columns - 1
  const shown = parts.map(({ text, tone }, i) => {
    const between = i === 0 ? "" : separator
    const fits = text.slice(0, Math.max(0, room - between.length))
    room -= between.length + text.length
    return fits === "" ? "" : `${between}${painted(fits, tone, canColor)}`
  })
  return shown.join("")
}

/** The same where nothing can be redrawn. */
export const plainStatus = (overview: OverviewBody): string =>
  [timeOf(overview), ...partsOf(overview).map(({ text }) => text)].join(separator)
