import type { HistoryBody } from "../OverviewApi.ts"
import { duration, rate, short } from "./format.ts"

export interface Line {
  readonly name: Exclude<keyof HistoryBody, "atMs">
  readonly label: string
}

/** A chart by the tile that opens it. */
export interface ChartKind {
  readonly id: string
  readonly title: string
  readonly lines: ReadonlyArray<Line>
  readonly text: (value: number) => string
}

const number = (value: number): string => short(value)

export const chartKinds: ReadonlyArray<ChartKind> = [
  {
    id: "rates",
    title: "Events a second",
    lines: [
      { name: "handled", label: "out (handled)" },
      { name: "appended", label: "in (appended)" }
    ],
    text: rate
  },
  {
    id: "latency",
    title: "End to end",
    lines: [
      { name: "p95", label: "p95" },
      { name: "p50", label: "p50" },
      { name: "p99", label: "p99" }
    ],
    text: duration
  },
  { id: "outbox", title: "Outbox rows", lines: [{ name: "outboxRows", label: "rows" }], text: number },
  {
    id: "outboxAge",
    title: "Oldest in the outbox",
    lines: [{ name: "outboxOldestMs", label: "oldest" }],
    text: duration
  },
  { id: "lag", title: "Lag", lines: [{ name: "lag", label: "events" }], text: number },
  { id: "lagAge", title: "Oldest unhandled", lines: [{ name: "lagOldestMs", label: "oldest" }], text: duration },
  { id: "parked", title: "Parked orders", lines: [{ name: "parkedKeys", label: "orders" }], text: number },
  { id: "violations", title: "Order violations", lines: [{ name: "violations", label: "violations" }], text: number }
]

/** Of the tiles that count what waits, the age beside it. */
export const chartsOf = (open: ReadonlyArray<string>): ReadonlyArray<ChartKind> =>
  open.flatMap((id) => chartKinds.filter((one) => one.id === id || one.id === `${id}Age`))

export const spans = [
  { minutes: 15, label: "15 m", everyMs: 2_000 },
  { minutes: 60, label: "1 h", everyMs: 30_000 },
  { minutes: 1_440, label: "24 h", everyMs: 60_000 }
] as const
