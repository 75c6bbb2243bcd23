import type { HandlerBody, PartitionState } from "../OverviewApi.ts"
import { count, duration, durationShort, msShort, rate, short } from "./format.ts"
import type { IconName } from "./Icon.tsx"

/** What the colour of a cell says. `steps`: from where on it is one step darker. */
export interface Measure {
  readonly id: string
  readonly label: string
  readonly column: "oldestMs" | "lag" | "p95Ms" | "failures" | "perSecond"
  readonly steps: readonly [number, number, number, number, number]
  /** For a cell, and in a sentence. */
  readonly cell: (value: number) => string
  readonly text: (value: number) => string
}

export const measures: ReadonlyArray<Measure> = [
  {
    id: "age",
    label: "Lag age",
    column: "oldestMs",
    steps: [1, 1_000, 5_000, 30_000, 300_000],
    cell: durationShort,
    text: (ms) => (ms === 0 ? "nothing waits" : `oldest waits ${duration(ms)}`)
  },
  {
    id: "lag",
    label: "Lag",
    column: "lag",
    steps: [1, 10, 100, 1_000, 10_000],
    cell: short,
    text: (n) => `lag ${count(n)}`
  },
  {
    id: "p95",
    label: "p95 ms",
    column: "p95Ms",
    steps: [1, 50, 250, 1_000, 10_000],
    cell: msShort,
    text: (ms) => `p95 ${duration(ms)}`
  },
  {
    id: "retries",
    label: "Retries",
    column: "failures",
    steps: [1, 3, 10, 30, 100],
    cell: short,
    text: (n) => `${count(n)} failed attempts in the last minute`
  },
  {
    id: "rate",
    label: "Rate",
    column: "perSecond",
    steps: [0.1, 1, 10, 100, 1_000],
    cell: rate,
    text: (n) => `${rate(n)} a second`
  }
]

/** 0 to 5. */
export const levelOf = (measure: Measure, value: number): number => measure.steps.filter((step) => value >= step).length

const letters: Readonly<Record<string, PartitionState>> = {
  i: "idle",
  a: "active",
  f: "failing",
  s: "stalled",
  h: "held",
  p: "paused",
  d: "draining",
  u: "unowned"
}

/** Of the states that need a look; colour is never alone. */
export const stateIcons: Readonly<Partial<Record<PartitionState, IconName>>> = {
  failing: "alert",
  stalled: "stop",
  held: "held",
  paused: "pause",
  draining: "drain",
  unowned: "unowned"
}

export const states: ReadonlyArray<PartitionState> = Object.values(letters)

/** One partition of a handler, out of its columns. */
export interface Cell {
  readonly partition: number
  readonly state: PartitionState
  readonly lag: number
  readonly oldestMs: number
  readonly perSecond: number
  readonly p95Ms: number
  readonly failures: number
}

export const cellsOf = ({ partitions }: HandlerBody): ReadonlyArray<Cell> =>
  [...partitions.states].map((letter, i) => ({
    partition: partitions.first + i,
    state: letters[letter] ?? "unowned",
    lag: partitions.lag[i] ?? -1,
    oldestMs: partitions.oldestMs[i] ?? -1,
    perSecond: partitions.perSecond[i] ?? -1,
    p95Ms: partitions.p95Ms[i] ?? -1,
    failures: partitions.failures[i] ?? -1
  }))

/** `partition 7: oldest waits 12 s, stalled`. */
export const describe = (cell: Cell, measure: Measure): string =>
  `partition ${cell.partition}: ${measure.text(cell[measure.column])}, ${cell.state}`
