import { useEffect, useRef, useState } from "preact/hooks"
import uPlot from "uplot"
import type { HistoryBody } from "../OverviewApi.ts"
import { get } from "./api.ts"
import { type ChartKind, chartsOf, type Line, spans } from "./chartKinds.ts"
import { clock } from "./format.ts"
import { type Hold, useFrozen, useHold } from "./hold.ts"
import { Icon } from "./Icon.tsx"
import { HoldNote, Loaded } from "./Pane.tsx"
import { change, queryOf } from "./route.ts"
import { theme } from "./theme.ts"
import { useResource } from "./useResource.ts"

const height = 160

const colourOf = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

/** A canvas takes colours as they are computed, not as tokens. */
const resolved = (token: string): string => {
  const probe = document.createElement("i")
  probe.style.color = `var(${token})`
  document.body.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

const axisOf = (kind: ChartKind): ReadonlyArray<uPlot.Axis> => {
  const [stroke, grid] = [resolved("--text-2"), resolved("--line")]
  const font = `11px ${colourOf("--sans")}`
  const shared = { stroke, font, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1, size: 4 } }
  return [
    { ...shared, size: 26, space: 64, values: (_, seconds) => seconds.map((one) => clock(one * 1_000).slice(0, 5)) },
    { ...shared, size: 58, space: 36, values: (_, values) => values.map((value) => kind.text(value)) }
  ]
}

const optionsOf = (kind: ChartKind, minutes: number, width: number): uPlot.Options => ({
  width,
  height,
  legend: { show: false },
  cursor: { sync: { key: "vitals" }, drag: { x: false, y: false }, points: { size: 6 } },
  scales: {
    x: { range: (_, __, max) => [max - minutes * 60, max] },
    y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] }
  },
  axes: [...axisOf(kind)],
  series: [
    {},
    ...kind.lines.map((line, index) => ({
      label: line.label,
      stroke: resolved(`--chart-${index}`),
      width: 1.5,
      points: { show: false },
      dash: index === 2 ? [4, 3] : []
    }))
  ],
  hooks: { setCursor: [(plot) => sayValues(plot, kind)] }
})

/** What is under the cursor, into the legend of the chart. */
const sayValues = (plot: uPlot, kind: ChartKind): void => {
  const legend = plot.root.closest(".chart")?.querySelectorAll(".legend b") ?? []
  const { idx } = plot.cursor
  legend.forEach((cell, index) => {
    const value = idx === null || idx === undefined ? undefined : plot.data[index + 1]?.[idx]
    cell.textContent = value === undefined || value === null ? "" : kind.text(value)
  })
  const time = plot.root.closest(".chart")?.querySelector(".legend-time")
  const at = idx === null || idx === undefined ? undefined : plot.data[0]?.[idx]
  if (time !== null && time !== undefined) time.textContent = at === undefined ? "" : clock(at * 1_000)
}

const dataOf = (history: HistoryBody, lines: ReadonlyArray<Line>): uPlot.AlignedData => [
  history.atMs.map((ms) => ms / 1_000),
  ...lines.map(({ name }) => [...history[name]])
]

interface ChartProps {
  readonly kind: ChartKind
  readonly history: HistoryBody
  readonly minutes: number
}

const Plot = ({ history, kind, minutes }: ChartProps) => {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const look = theme.value
  useEffect(() => {
    const element = place.current
    if (element === null) return
    const made = new uPlot(optionsOf(kind, minutes, element.clientWidth), dataOf(history, kind.lines), element)
    plot.current = made
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }))
    resized.observe(element)
    return () => {
      resized.disconnect()
      made.destroy()
    }
  }, [kind, look, minutes])
  useEffect(() => plot.current?.setData(dataOf(history, kind.lines)), [history, kind])
  return <div class="plot" ref={place} aria-hidden="true" />
}

/** The same as numbers, so many rows that somebody may read them. */
const rowsMax = 30

const Numbers = ({ history, kind }: ChartProps) => {
  const step = Math.max(1, Math.ceil(history.atMs.length / rowsMax))
  const rows = history.atMs.map((atMs, index) => ({ atMs, index })).filter(({ index }) => index % step === 0)
  return (
    <div class="scroll plot" tabIndex={0} role="region" aria-label={`${kind.title} as a table`}>
      <table class="grid">
        <thead>
          <tr>
            <th scope="col">Time</th>
            {kind.lines.map(({ label }) => (
              <th key={label} scope="col" class="right">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.toReversed().map(({ atMs, index }) => (
            <tr key={atMs}>
              <td class="num">{clock(atMs)}</td>
              {kind.lines.map(({ name }) => (
                <td key={name} class="num right">
                  {cell(history[name][index], kind)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

const cell = (value: number | null | undefined, kind: ChartKind): string =>
  value === null || value === undefined ? "–" : kind.text(value)

const Chart = (props: ChartProps & { readonly isTable: boolean }) => (
  <figure class="chart" aria-label={props.kind.title}>
    <figcaption>
      <span>{props.kind.title}</span>
      <span class="legend num">
        <span class="legend-time muted" />
        {props.kind.lines.map((line, index) => (
          <span key={line.name} class={`legend-line legend-${index}`}>
            <i aria-hidden="true" />
            {line.label} <b />
          </span>
        ))}
      </span>
    </figcaption>
    {props.isTable ? <Numbers {...props} /> : <Plot {...props} />}
  </figure>
)

const Tools = (props: {
  readonly hold: Hold
  readonly isTable: boolean
  readonly setTable: (is: boolean) => void
  readonly closeAll: () => void
}) => (
  <div class="tools">
    <HoldNote hold={props.hold} />
    <div class="segments" role="group" aria-label="Time span">
      {spans.map(({ label, minutes }) => (
        <button
          key={label}
          type="button"
          aria-pressed={String(minutes) === (queryOf("span") || "15")}
          onClick={() => change({ span: minutes === 15 ? undefined : String(minutes) })}
        >
          {label}
        </button>
      ))}
    </div>
    <button type="button" class="btn" aria-pressed={props.isTable} onClick={() => props.setTable(!props.isTable)}>
      Table
    </button>
    <button type="button" class="btn btn-quiet" aria-label="Close the charts" onClick={props.closeAll}>
      <Icon name="cross" />
    </button>
  </div>
)

/** The charts of the open tiles, over the same time, with one cursor. */
export const Charts = ({ open }: { readonly open: ReadonlyArray<string> }) => {
  const [isTable, setTable] = useState(false)
  const span = spans.find(({ minutes }) => String(minutes) === queryOf("span")) ?? spans[0]
  const resource = useResource(
    String(span.minutes),
    (signal) => get<HistoryBody>("history", { minutes: span.minutes }, signal),
    { everyMs: span.everyMs }
  )
  const hold = useHold()
  const value = useFrozen(hold, resource.value, String(span.minutes))
  return (
    <div class="charts">
      <Tools hold={hold} isTable={isTable} setTable={setTable} closeAll={() => change({ chart: undefined })} />
      <Loaded resource={{ ...resource, value }} rows={5}>
        {(history) => (
          <div class="chart-row" {...hold.watch}>
            {chartsOf(open).map((kind) => (
              <Chart key={kind.id} kind={kind} history={history} minutes={span.minutes} isTable={isTable} />
            ))}
          </div>
        )}
      </Loaded>
    </div>
  )
}
