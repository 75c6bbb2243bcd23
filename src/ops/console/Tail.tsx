import { useState } from "preact/hooks"
import { eventStates } from "../eventStates.ts"
import type { TailEventBody } from "../TraceApi.ts"
import { tailTwin } from "./parkedTwin.ts"
import { bytes, count } from "./format.ts"
import { useFrozen, useHold } from "./hold.ts"
import { Empty, Loading, Pane, ProblemNote } from "./Pane.tsx"
import { change, hrefOf, queryOf, replace } from "./route.ts"
import { Time, Twin } from "./Said.tsx"
import { useTail } from "./tailStore.ts"

const fields = [
  { name: "type", label: "Type" },
  { name: "key", label: "Key" },
  { name: "partition", label: "Partition" }
] as const

const Filters = () => (
  <div class="inline">
    {fields.map(({ label, name }) => (
      <label key={name} class="inline">
        <span class="unseen">{label}</span>
        <input
          type="search"
          class={name === "partition" ? "narrow" : ""}
          placeholder={label.toLowerCase()}
          value={queryOf(name)}
          inputMode={name === "partition" ? "numeric" : "text"}
          onChange={(event) => replace({ [name]: event.currentTarget.value.trim() })}
        />
      </label>
    ))}
    <label class="inline">
      <span class="unseen">Outcome</span>
      <select value={queryOf("outcome")} onChange={(event) => replace({ outcome: event.currentTarget.value })}>
        <option value="">any outcome</option>
        {eventStates.map((state) => (
          <option key={state} value={state}>
            {state}
          </option>
        ))}
      </select>
    </label>
  </div>
)

const Row = ({ event }: { readonly event: TailEventBody }) => (
  <tr aria-selected={queryOf("event") === String(event.seq)}>
    <th scope="row" class="num right">
      <button type="button" class="link" data-row onClick={() => change({ event: String(event.seq) })}>
        {count(event.seq)}
      </button>
    </th>
    <td>
      <Time atMs={event.storedAtMs} />
    </td>
    <td>{event.type}</td>
    <td>
      <a class="key" href={hrefOf("trace", { name: event.key })} title={`Trace ${event.key}`}>
        {event.key}
      </a>
    </td>
    <td class="num right">{event.version}</td>
    <td class="num right">{event.partition}</td>
    <td class="num right">{bytes(event.payloadBytes)}</td>
    {event.handlers !== undefined && <td>{event.handlers.join(", ")}</td>}
  </tr>
)

const columns = [
  ["Sequence", "right"],
  ["Stored", ""],
  ["Type", ""],
  ["Key", ""],
  ["Version", "right"],
  ["Partition", "right"],
  ["Size", "right"]
] as const

const Rows = ({
  events,
  setScrolled
}: {
  readonly events: ReadonlyArray<TailEventBody>
  readonly setScrolled: (is: boolean) => void
}) => (
  <div
    class="scroll tall"
    id="tail-rows"
    tabIndex={0}
    role="region"
    aria-label="Newest events"
    onScroll={(event) => setScrolled(event.currentTarget.scrollTop > 4)}
  >
    <table class="grid">
      <thead>
        <tr>
          {columns.map(([name, side]) => (
            <th key={name} scope="col" class={side}>
              {name}
            </th>
          ))}
          {events[0]?.handlers !== undefined && <th scope="col">{queryOf("outcome")} by</th>}
        </tr>
      </thead>
      <tbody>
        {events.map((event) => (
          <Row key={event.seq} event={event} />
        ))}
      </tbody>
    </table>
  </div>
)

/** The newest events of the stream. Pointing at them or scrolling holds them. */
export const Tail = () => {
  const filter = {
    type: queryOf("type"),
    key: queryOf("key"),
    partition: queryOf("partition"),
    outcome: queryOf("outcome")
  }
  const name = Object.values(filter).join("\n")
  const tail = useTail(filter)
  const [isScrolled, setScrolled] = useState(false)
  const [isReleased, release] = useState(0)
  const hold = useHold(queryOf("event") !== "" ? "selection" : isScrolled ? "scroll" : "")
  const shown = useFrozen(hold, tail.events, `${name}${isReleased}`)
  const known = new Set(shown?.map(({ seq }) => seq))
  const missed = tail.events?.filter(({ seq }) => !known.has(seq)).length ?? 0
  const showNew = (): void => {
    document.querySelector("#tail-rows")?.scrollTo({ top: 0 })
    release((before) => before + 1)
  }
  return (
    <Pane
      id="tail"
      title="Live tail"
      note={shown === undefined ? "" : `${count(shown.length)} newest`}
      hold={hold}
      tools={<Filters />}
    >
      {tail.problem !== undefined && <ProblemNote problem={tail.problem} />}
      {hold.reason !== "" && missed > 0 && (
        <button type="button" class="btn btn-main new-rows num" onClick={showNew}>
          {missed >= 500 ? "500+" : missed} new
        </button>
      )}
      {shown === undefined && tail.problem === undefined && <Loading rows={8} />}
      {shown?.length === 0 && (
        <Empty icon="clock">Nothing of the kind among the newest events. What comes is shown here.</Empty>
      )}
      {shown !== undefined && shown.length > 0 && <Rows events={shown} setScrolled={setScrolled} />}
      <Twin command={tailTwin(filter)} />
    </Pane>
  )
}
