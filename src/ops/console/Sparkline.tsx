import { samples, type Sample } from "./feed.ts"

const width = 120
const height = 28
const spanMs = 300_000

type Point = readonly [number, number]

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

/** Five minutes of up to two measures. Its numbers are beside it, and in the table of the chart. */
export const Sparkline = ({ names }: { readonly names: ReadonlyArray<Exclude<keyof Sample, "atMs">> }) => {
  const end = samples.value.at(-1)?.atMs ?? 0
  const lines = names.map((name) =>
    runsOf(samples.value.map((one) => [width - ((end - one.atMs) / spanMs) * width, one[name]] as const))
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
