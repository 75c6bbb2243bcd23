import { useMemo } from "preact/hooks"
import { samples, type Sample } from "./feed.ts"

const width = 120
const height = 28
const spanMs = 300_000

/** So much is one point, its highest: more would not be seen, and a line that moves twice a second costs more than the rest of the page. */
const stepMs = 2_500

type Name = Exclude<keyof Sample, "atMs">
type Point = readonly [number, number]

/** The highest of each step; null where nothing was measured. */
const stepsOf = (all: ReadonlyArray<Sample>, name: Name): ReadonlyArray<readonly [number, number | null]> => {
  const steps = new Map<number, number | null>()
  for (const one of all) {
    const step = Math.floor(one.atMs / stepMs)
    const [value, before] = [one[name], steps.get(step) ?? null]
    steps.set(step, value === null ? before : Math.max(value, before ?? value))
  }
  return [...steps]
}

/** Runs of neighbouring measurements: where nothing was measured there is no line. */
const runsOf = (values: ReadonlyArray<readonly [number, number | null]>): ReadonlyArray<ReadonlyArray<Point>> => {
  const runs: Array<Array<Point>> = [[]]
  for (const [x, value] of values) {
    if (value === null) runs.push([])
    else runs.at(-1)?.push([x, value])
  }
  return runs.filter((run) => run.length > 1)
}

const pathOf = (run: ReadonlyArray<Point>, top: number): string =>
  run
    .map(
      ([x, y], index) =>
        `${index === 0 ? "M" : "L"}${x.toFixed(1)} ${(height - 1 - (y / top) * (height - 3)).toFixed(1)}`
    )
    .join("")

const areaOf = (run: ReadonlyArray<Point>, top: number): string =>
  `${pathOf(run, top)}V${height}H${run[0]?.[0].toFixed(1) ?? 0}Z`

const drawn = (names: ReadonlyArray<Name>, end: number) => {
  const xOf = (step: number) => width - ((end - step) * stepMs * width) / spanMs
  const lines = names.map((name) =>
    runsOf(stepsOf(samples.value, name).map(([step, value]) => [xOf(step), value] as const))
  )
  const top = Math.max(1, ...lines.flat(2).map(([, y]) => y))
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      {lines.flatMap((runs, line) =>
        runs.map((run, index) => (
          <g key={`${line}-${index}`} class={`spark-${line}`}>
            {line === 0 && <path class="spark-area" d={areaOf(run, top)} />}
            <path class="spark-line" d={pathOf(run, top)} />
          </g>
        ))
      )}
    </svg>
  )
}

/** Five minutes of up to two measures. Its numbers are beside it, and in the table of the chart. */
export const Sparkline = ({ names }: { readonly names: ReadonlyArray<Name> }) => {
  const end = Math.floor((samples.value.at(-1)?.atMs ?? 0) / stepMs)
  // While the sparklines fill from the history, there is more of the same end.
  const begin = samples.value[0]?.atMs ?? 0
  return useMemo(() => drawn(names, end), [names, end, begin === 0 ? 0 : Math.floor(begin / stepMs)])
}
