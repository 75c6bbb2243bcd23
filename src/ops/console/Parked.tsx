import { wish } from "./ActDialog.tsx"
import { parkedTwin } from "./parkedTwin.ts"
import { edited } from "./EditDialog.tsx"
import { isReadOnly, overview } from "./feed.ts"
import { count, plural } from "./format.ts"
import { type HoldReason, useFrozen, useHold } from "./hold.ts"
import { Empty, Loaded, Pane } from "./Pane.tsx"
import type { ActName, Target } from "./parkedActs.ts"
import {
  filterOf,
  idOf,
  keysShownMax,
  noSelection,
  type ParkedKey,
  type ParkedList,
  selection,
  useParkedList
} from "./parkedStore.ts"
import { ParkedTable } from "./ParkedTable.tsx"
import { queryOf, replace } from "./route.ts"
import { Twin } from "./Said.tsx"

const choices = {
  status: [
    ["", "parked"],
    ["retrying", "retrying"],
    ["any", "parked and retrying"]
  ],
  older: [
    ["", "any age"],
    ["300", "older than 5 m"],
    ["3600", "older than 1 h"],
    ["86400", "older than 1 d"]
  ]
} as const

const Choice = (props: {
  readonly name: string
  readonly label: string
  readonly options: ReadonlyArray<readonly [string, string]>
}) => (
  <label class="inline">
    <span class="unseen">{props.label}</span>
    <select value={queryOf(props.name)} onChange={(event) => replace({ [props.name]: event.currentTarget.value })}>
      {props.options.map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
  </label>
)

const Search = ({ label, name }: { readonly name: string; readonly label: string }) => (
  <label class="inline">
    <span class="unseen">{label}</span>
    <input
      type="search"
      placeholder={label.toLowerCase()}
      value={queryOf(name)}
      onChange={(event) => replace({ [name]: event.currentTarget.value.trim() })}
    />
  </label>
)

const Filters = () => {
  const handlers = overview.value?.handlers ?? []
  return (
    <div class="inline">
      <Choice
        name="handler"
        label="Handler"
        options={[["", "all handlers"], ...handlers.map(({ name }) => [name, name] as const)]}
      />
      <Choice name="status" label="Status" options={choices.status} />
      <Choice name="older" label="Age" options={choices.older} />
      <Search name="tag" label="Reason" />
      <Search name="key" label="Key" />
    </div>
  )
}

const acts: ReadonlyArray<readonly [ActName, string]> = [
  ["replay", "Replay"],
  ["skip", "Skip"],
  ["discard", "Discard"]
]

interface ActBarProps {
  readonly target: Target
  readonly total: number
}

/** What is selected, and what can be done to it. */
const ActBar = ({ target, total }: ActBarProps) => {
  const many = target.kind === "matching" ? total : target.keys.length
  return (
    <div class="act-bar" role="group" aria-label="Selection">
      <b class="num">{many === 0 ? "None selected" : `${plural(many, "key")} selected`}</b>
      {!selection.value.isAll && total > 0 && (
        <button type="button" class="btn" onClick={() => (selection.value = { ids: new Set(), isAll: true })}>
          Select all {count(total)} matching
        </button>
      )}
      {many > 0 && (
        <button type="button" class="btn" data-key="Escape" onClick={() => (selection.value = noSelection)}>
          Select none
        </button>
      )}
      <span class="grow" />
      {acts.map(([act, label]) => (
        <button
          key={act}
          type="button"
          class={`btn ${act === "replay" ? "btn-main" : ""}`}
          data-key={act === "replay" ? "r" : undefined}
          disabled={many === 0 || isReadOnly.value}
          onClick={() => (wish.value = { act, target })}
        >
          {label}
        </button>
      ))}
    </div>
  )
}

const More = ({
  list,
  shown,
  total
}: {
  readonly list: ParkedList
  readonly shown: number
  readonly total: number
}) => (
  <p class="more muted num">
    {count(shown)} of {count(total)}, the oldest first
    {shown < total && shown < keysShownMax && (
      <button type="button" class="btn" disabled={list.isLoadingMore} onClick={list.more}>
        {list.isLoadingMore ? "Loading" : "100 more"}
      </button>
    )}
    {shown >= keysShownMax && " · filter, or select all that match, to reach the others"}
  </p>
)

const holdReason = (): HoldReason => {
  if (wish.value !== undefined || edited.value !== undefined) return "dialog"
  const { ids, isAll } = selection.value
  return isAll || ids.size > 0 || queryOf("at") !== "" ? "selection" : ""
}

const targetOf = (keys: ReadonlyArray<ParkedKey>, total: number): Target =>
  selection.value.isAll
    ? { kind: "matching", filter: filterOf(), total }
    : { kind: "keys", keys: keys.filter((one) => selection.value.ids.has(idOf(one))) }

/** Keys that were given up, or are tried again by themselves. */
export const Parked = () => {
  const filter = filterOf()
  const list = useParkedList(filter)
  const hold = useHold(holdReason())
  const page = useFrozen(hold, list.page, list.stamp)
  return (
    <Pane
      id="parked"
      title="Parked"
      note={page === undefined ? "" : plural(page.total, "key")}
      hold={hold}
      tools={<Filters />}
    >
      <Loaded resource={{ value: page, problem: list.problem, reload: list.reload }} rows={8}>
        {({ keys, total }) =>
          keys.length === 0 ? (
            <Empty>Nothing is parked{Object.keys(filter).length > 1 ? " that matches" : ""}.</Empty>
          ) : (
            <>
              <ActBar target={targetOf(keys, total)} total={total} />
              <ParkedTable keys={keys} />
              <More list={list} shown={keys.length} total={total} />
            </>
          )
        }
      </Loaded>
      <Twin command={parkedTwin("list", filter).replace(" --all", "")} />
    </Pane>
  )
}
