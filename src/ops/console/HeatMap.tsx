import type { HandlerBody } from "../OverviewApi.ts"
import { type Cell, cellsOf, levelOf, describe, type Measure, stateIcons } from "./heat.ts"
import { Icon } from "./Icon.tsx"
import { change, pairOf, queryOf } from "./route.ts"

const columns = 16

interface CellProps {
  readonly handler: string
  readonly cell: Cell
  readonly measure: Measure
}

const HeatCell = ({ cell, handler, measure }: CellProps) => {
  const place = pairOf(handler, cell.partition)
  const isOpen = queryOf("cell") === place
  const icon = stateIcons[cell.state]
  const text = measure.cell(cell[measure.column])
  return (
    <td>
      <button
        type="button"
        class={`cell num heat-${levelOf(measure, cell[measure.column])} is-${cell.state} ${icon === undefined ? "" : "has-icon"}`}
        aria-pressed={isOpen}
        aria-label={`partition ${cell.partition}, ${measure.label} ${text}, ${cell.state}`}
        title={describe(cell, measure)}
        data-row
        data-cell={cell.partition}
        tabIndex={cell.partition === 0 ? 0 : -1}
        onClick={() => change({ cell: place })}
      >
        {icon !== undefined && <Icon name={icon} />}
        {text}
      </button>
    </td>
  )
}

const steps: Readonly<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowRight: 1,
  ArrowUp: -columns,
  ArrowDown: columns,
  Home: -Infinity,
  End: Infinity
}

/** Arrows go through the cells; only one of them is on the way of Tab. */
const move = (event: KeyboardEvent): void => {
  const step = steps[event.key]
  const { currentTarget, target } = event
  if (step === undefined || !(currentTarget instanceof HTMLElement) || !(target instanceof HTMLElement)) return
  const cells = [...currentTarget.querySelectorAll<HTMLElement>("[data-cell]")]
  const wanted = Math.min(cells.length - 1, Math.max(0, cells.indexOf(target) + step))
  event.preventDefault()
  for (const cell of cells) cell.tabIndex = -1
  const next = cells[wanted]
  if (next === undefined) return
  next.tabIndex = 0
  next.focus()
}

const rowsOf = (cells: ReadonlyArray<Cell>): ReadonlyArray<ReadonlyArray<Cell>> =>
  Array.from({ length: Math.ceil(cells.length / columns) }, (_, row) => cells.slice(row * columns, (row + 1) * columns))

/** All partitions of a handler: a table of buttons, sixteen in a row. */
export const HeatMap = ({ body, measure }: { readonly body: HandlerBody; readonly measure: Measure }) => (
  <table class="heat" aria-label={`Partitions of ${body.name} by ${measure.label}`} onKeyDown={move}>
    <thead class="unseen">
      <tr>
        <th scope="col">From partition</th>
        {Array.from({ length: Math.min(columns, body.partitions.states.length) }, (_, column) => (
          <th key={column} scope="col">
            +{column}
          </th>
        ))}
      </tr>
    </thead>
    <tbody>
      {rowsOf(cellsOf(body)).map((cells, row) => (
        <tr key={row}>
          <th scope="row" class="num muted">
            {body.partitions.first + row * columns}
          </th>
          {cells.map((cell) => (
            <HeatCell key={cell.partition} handler={body.name} cell={cell} measure={measure} />
          ))}
        </tr>
      ))}
    </tbody>
  </table>
)
