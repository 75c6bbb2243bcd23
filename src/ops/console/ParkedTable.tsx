import { useRef } from "preact/hooks"
import { count } from "./format.ts"
import { groupsOf, idOf, type ParkedKey, selection } from "./parkedStore.ts"
import { change, pairOf, queryOf } from "./route.ts"
import { Time } from "./Said.tsx"

interface TableProps {
  readonly keys: ReadonlyArray<ParkedKey>
}

const select = (ids: ReadonlySet<string>): void => {
  selection.value = { ids, isAll: false }
}

const isSelected = (one: ParkedKey): boolean => selection.value.isAll || selection.value.ids.has(idOf(one))

const columns = ["Key", "Handler", "Reason", "Fails at"] as const

const Head = ({ keys }: TableProps) => (
  <thead>
    <tr>
      <th scope="col">
        <input
          type="checkbox"
          aria-label="Select all that are shown"
          checked={keys.every(isSelected)}
          onChange={(event) => select(new Set(event.currentTarget.checked ? keys.map(idOf) : []))}
        />
      </th>
      {columns.map((name) => (
        <th key={name} scope="col">
          {name}
        </th>
      ))}
      <th scope="col" class="right">
        Attempts
      </th>
      <th scope="col" class="right">
        Events
      </th>
      <th scope="col" class="right">
        Parked
      </th>
    </tr>
  </thead>
)

interface RowProps {
  readonly one: ParkedKey
  readonly isFirst: boolean
  readonly toggle: (id: string, isRange: boolean) => void
}

const Row = ({ isFirst, one, toggle }: RowProps) => {
  const place = pairOf(one.handler, one.key)
  return (
    <tr aria-selected={isSelected(one)} class={queryOf("at") === place ? "open" : ""}>
      <td>
        <input
          type="checkbox"
          aria-label={`Select ${one.key} of ${one.handler}`}
          checked={isSelected(one)}
          onClick={(event) => toggle(idOf(one), event.shiftKey)}
        />
      </td>
      <th scope="row">
        <button
          type="button"
          class={`link key ${isFirst ? "" : "repeated"}`}
          data-row
          onClick={() => change({ at: place })}
        >
          {one.key}
        </button>
      </th>
      <td>{one.handler}</td>
      <td class="reason" title={one.reason.message}>
        <b>{one.reason.tag}</b> <span class="muted">{one.reason.message}</span>
      </td>
      <td>
        {one.first === null ? (
          "–"
        ) : (
          <>
            {one.first.type} <span class="muted num">v{one.first.version}</span>
          </>
        )}
      </td>
      <td class="num right">
        {one.attempts}
        {one.status === "retrying" && <span class="chip">retrying</span>}
      </td>
      <td class="num right" title={one.events > 1 ? `${one.events - 1} held behind the first` : "nothing behind it"}>
        {count(one.events)}
      </td>
      <td class="right">
        <Time atMs={Date.parse(one.parkedAt)} isAgo />
      </td>
    </tr>
  )
}

/** All from the last one that was chosen to this one, or only this one. */
const toggled = (keys: ReadonlyArray<ParkedKey>, from: string, id: string, isRange: boolean) => {
  const selected = selection.value.ids
  const ids = groupsOf(keys).flatMap(([, ones]) => ones.map(idOf))
  const [a, b] = [ids.indexOf(from), ids.indexOf(id)]
  const range = isRange && a >= 0 ? ids.slice(Math.min(a, b), Math.max(a, b) + 1) : [id]
  const isOff = selected.has(id)
  return isOff ? new Set([...selected].filter((one) => !range.includes(one))) : new Set([...selected, ...range])
}

/** Parked keys, those of one order together. */
export const ParkedTable = ({ keys }: TableProps) => {
  const last = useRef("")
  const toggle = (id: string, isRange: boolean): void => {
    select(toggled(keys, last.current, id, isRange))
    last.current = id
  }
  return (
    <div class="scroll tall" tabIndex={0} role="region" aria-label="Parked keys">
      <table class="grid parked">
        <Head keys={keys} />
        {groupsOf(keys).map(([key, ones]) => (
          <tbody key={key}>
            {ones.map((one, index) => (
              <Row key={idOf(one)} one={one} isFirst={index === 0} toggle={toggle} />
            ))}
          </tbody>
        ))}
      </table>
    </div>
  )
}
