import type { ActivityBody } from "../OverviewApi.ts"
import { get } from "./api.ts"
import { count, shortId } from "./format.ts"
import { useFrozen, useHold } from "./hold.ts"
import { Icon } from "./Icon.tsx"
import { Empty, Loaded, Pane } from "./Pane.tsx"
import { change, hrefOf, queryOf, replace } from "./route.ts"
import { CopyButton, Time } from "./Said.tsx"
import { useResource } from "./useResource.ts"

const rowsMax = 200

const sources = [
  ["", "All"],
  ["operator", "Operators"],
  ["pipeline", "Pipeline"]
] as const

const Filters = () => (
  <div class="inline">
    <div class="segments" role="group" aria-label="Source">
      {sources.map(([id, label]) => (
        <button key={id} type="button" aria-pressed={queryOf("source") === id} onClick={() => change({ source: id })}>
          {label}
        </button>
      ))}
    </div>
    <label class="inline">
      <span class="unseen">Text</span>
      <input
        type="search"
        placeholder="filter"
        value={queryOf("text")}
        onInput={(event) => replace({ text: event.currentTarget.value })}
      />
    </label>
  </div>
)

const isMeant = (one: ActivityBody): boolean => {
  const text = queryOf("text").toLowerCase()
  const whole = [one.who, one.what, one.text, one.handler, one.key].join(" ").toLowerCase()
  return (queryOf("source") === "" || one.source === queryOf("source")) && whole.includes(text)
}

const levels = { info: "idle", warning: "alert", error: "cross" } as const

const Row = ({ one }: { readonly one: ActivityBody }) => (
  <li class={`said level-${one.level}`}>
    <Time atMs={one.atMs} />
    <span class="mark">
      <Icon name={one.source === "operator" && one.level === "info" ? "check" : levels[one.level]} />
    </span>
    <div>
      <b>{one.what}</b>{" "}
      <span class="muted" title={one.who}>
        {shortId(one.who)}
      </span>
      <p>
        {one.text} {one.key !== null && <a href={hrefOf("trace", { name: one.key })}>{one.key}</a>}
      </p>
      {one.cli !== null && (
        <div class="twin">
          <code>{one.cli}</code>
          <CopyButton label={`Copy the command of ${one.what}`} text={one.cli} />
        </div>
      )}
    </div>
  </li>
)

/** What operators did, and what the pipeline had to say. */
export const Activity = () => {
  const resource = useResource(
    "activity",
    (signal) => get<ReadonlyArray<ActivityBody>>("activity", { limit: rowsMax }, signal),
    { everyMs: 3_000 }
  )
  const hold = useHold()
  const value = useFrozen(hold, resource.value)
  const shown = value?.filter(isMeant) ?? []
  return (
    <Pane
      id="activity"
      title="Activity"
      note={value === undefined ? "" : count(shown.length)}
      hold={hold}
      tools={<Filters />}
    >
      <Loaded resource={{ ...resource, value }} rows={8}>
        {() =>
          shown.length === 0 ? (
            <Empty icon="clock">Nothing of the kind has happened lately.</Empty>
          ) : (
            <ol class="said-list scroll tall" tabIndex={0} aria-label="Activity">
              {shown.map((one, index) => (
                <Row key={`${one.atMs}${one.what}${one.key ?? ""}${index}`} one={one} />
              ))}
            </ol>
          )
        }
      </Loaded>
    </Pane>
  )
}
