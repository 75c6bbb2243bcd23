import type { HandlerBody, OverviewBody } from "../OverviewApi.ts"
import { count, duration, rate } from "./format.ts"
import { type Cell, cellsOf, type Measure, measures, stateIcons, states } from "./heat.ts"
import { HeatMap } from "./HeatMap.tsx"
import { useFrozen, useHold } from "./hold.ts"
import { Icon } from "./Icon.tsx"
import { Empty, Pane } from "./Pane.tsx"
import { change, pairOf, queryOf } from "./route.ts"

const measureOf = (id: string): Measure | undefined => measures.find((one) => one.id === id) ?? measures[0]

const Row = ({ cell, handler }: { readonly cell: Cell; readonly handler: string }) => (
  <tr class={`is-${cell.state}`}>
    <th scope="row" class="num">
      <button type="button" class="link" data-row onClick={() => change({ cell: pairOf(handler, cell.partition) })}>
        {handler}/{cell.partition}
      </button>
    </th>
    <td>
      <StateMark state={cell.state} />
    </td>
    <td class="num right">{count(cell.lag)}</td>
    <td class="num right">{duration(cell.oldestMs)}</td>
    <td class="num right">{rate(cell.perSecond)}</td>
    <td class="num right">{duration(cell.p95Ms)}</td>
    <td class="num right">{count(cell.failures)}</td>
  </tr>
)

/** A state by its icon and its word. */
export const StateMark = ({ state }: { readonly state: Cell["state"] }) => {
  const icon = stateIcons[state]
  return (
    <span class={`state is-${state}`}>
      <i class="swatch" aria-hidden="true">
        {icon !== undefined && <Icon name={icon} />}
      </i>
      {state}
    </span>
  )
}

const columns = ["Partition", "State", "Lag", "Oldest", "Per second", "p95", "Retries"]

const PartitionTable = ({ body }: { readonly body: HandlerBody }) => (
  <div class="scroll tall" tabIndex={0} role="region" aria-label={`Partitions of ${body.name}`}>
    <table class="grid">
      <thead>
        <tr>
          {columns.map((name, index) => (
            <th key={name} scope="col" class={index > 1 ? "right" : ""}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {cellsOf(body).map((cell) => (
          <Row key={cell.partition} cell={cell} handler={body.name} />
        ))}
      </tbody>
    </table>
  </div>
)

const sumOf = (body: HandlerBody): string => {
  const cells = cellsOf(body)
  const told = states.flatMap((state) => {
    const many = cells.filter((cell) => cell.state === state).length
    return many === 0 ? [] : [`${many} ${state}`]
  })
  return told.join(" · ")
}

const Tools = ({ isTable, measure }: { readonly measure: Measure; readonly isTable: boolean }) => (
  <>
    <div class="segments" role="group" aria-label="Measure">
      {measures.map(({ id, label }, index) => (
        <button
          key={id}
          type="button"
          aria-pressed={id === measure.id}
          onClick={() => change({ measure: index === 0 ? undefined : id })}
        >
          {label}
        </button>
      ))}
    </div>
    <button
      type="button"
      class="btn"
      aria-pressed={isTable}
      onClick={() => change({ table: isTable ? undefined : "1" })}
    >
      Table
    </button>
  </>
)

const Legend = ({ measure }: { readonly measure: Measure }) => (
  <p class="heat-legend muted">
    <span class="num">
      {[0, 1, 2, 3, 4, 5].map((level) => (
        <i key={level} class={`swatch heat-${level}`}>
          {level === 0 ? "0" : measure.cell(measure.steps[level - 1] ?? 0)}
        </i>
      ))}
    </span>
    {states.map((state) => (
      <StateMark key={state} state={state} />
    ))}
  </p>
)

/** `8, wanted 16`, or `8, from 48 on`. */
const noteOf = ({ first, partitions, wantedPartitions }: OverviewBody): string =>
  [
    count(partitions),
    ...(first === 0 ? [] : [`from ${first} on`]),
    ...(wantedPartitions === null ? [] : [`wanted ${wantedPartitions}`])
  ].join(", ")

const behindText = "reads what was published before their number was changed"

/** Every partition of the handlers, or of the one that is chosen in the flow. */
export const Partitions = ({ body }: { readonly body: OverviewBody }) => {
  const hold = useHold(queryOf("cell") === "" ? "" : "selection", false)
  const { handlers } = useFrozen(hold, body)
  const measure = measureOf(queryOf("measure"))
  const isTable = queryOf("table") !== ""
  const chosen = handlers.filter(({ name }) => queryOf("handler") === "" || name === queryOf("handler"))
  if (measure === undefined) return null
  return (
    <Pane
      id="partitions"
      title="Partitions"
      note={noteOf(body)}
      hold={hold}
      tools={<Tools measure={measure} isTable={isTable} />}
    >
      {chosen.length === 0 && <Empty icon="search">No such handler. Choose one in the flow.</Empty>}
      <div class={isTable ? "heat-tables" : "heats"}>
        {chosen.map((one) => (
          <section key={one.name} class="heat-of">
            <h3>
              {one.name} <span class="muted num">{sumOf(one)}</span>
              {one.partitions.first < body.first && <span class="chip chip-warn">{behindText}</span>}
            </h3>
            {isTable ? <PartitionTable body={one} /> : <HeatMap body={one} measure={measure} />}
          </section>
        ))}
      </div>
      {!isTable && <Legend measure={measure} />}
    </Pane>
  )
}
