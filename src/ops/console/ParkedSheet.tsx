import type { ParkedDetailBody } from "../OpsApi.ts"
import { wish } from "./ActDialog.tsx"
import { get } from "./api.ts"
import { showTwin } from "./parkedTwin.ts"
import { edited } from "./EditDialog.tsx"
import { isReadOnly } from "./feed.ts"
import { plural } from "./format.ts"
import { Icon } from "./Icon.tsx"
import { Attempts } from "./Inspector.tsx"
import { JsonView } from "./JsonView.tsx"
import { Empty, Loaded } from "./Pane.tsx"
import type { ActName } from "./parkedActs.ts"
import { parkedTurn } from "./parkedStore.ts"
import { change, hrefOf, pairIn, queryOf } from "./route.ts"
import { Fact, Time, Twin } from "./Said.tsx"
import { Sheet } from "./Sheet.tsx"
import { useResource } from "./useResource.ts"

type Detail = (typeof ParkedDetailBody)["Encoded"]
type ParkedEvent = Detail["events"][number]

const Facts = ({ parked }: Pick<Detail, "parked">) => (
  <dl class="facts">
    <Fact name="Key">
      <a href={hrefOf("trace", { name: parked.key.replace(/@\d+$/, "") })}>{parked.key}</a>
    </Fact>
    <Fact name="Status">{parked.status}</Fact>
    <Fact name="Parked">
      <Time atMs={Date.parse(parked.parkedAt)} isAgo />
    </Fact>
    <Fact name="Attempts">
      <span class="num">
        {parked.attempts} <span class="muted">generation {parked.generation}</span>
      </span>
    </Fact>
    {parked.dueAt !== null && (
      <Fact name="Next attempt">
        <Time atMs={Date.parse(parked.dueAt)} />
      </Fact>
    )}
  </dl>
)

const Reason = ({ parked }: Pick<Detail, "parked">) => (
  <div class="problem">
    <Icon name="alert" />
    <div>
      <b>{parked.reason.tag}</b>
      <p class="mono">{parked.reason.message}</p>
      {parked.reason.stack !== "" && (
        <details>
          <summary>Stack</summary>
          <pre class="json" tabIndex={0}>
            {parked.reason.stack}
          </pre>
        </details>
      )}
    </div>
  </div>
)

const buttons: ReadonlyArray<readonly [ActName, string]> = [
  ["replay", "Replay"],
  ["skip", "Skip the first"],
  ["discard", "Discard"]
]

const Buttons = ({ parked }: Pick<Detail, "parked">) => (
  <div class="tools">
    {buttons.map(([act, label]) => (
      <button
        key={act}
        type="button"
        class={`btn ${act === "replay" ? "btn-main" : ""}`}
        disabled={isReadOnly.value}
        onClick={() => (wish.value = { act, target: { kind: "keys", keys: [parked] } })}
      >
        {label}
      </button>
    ))}
  </div>
)

const Event = ({
  event,
  isFirst,
  parked
}: {
  readonly event: ParkedEvent
  readonly isFirst: boolean
  readonly parked: Detail["parked"]
}) => (
  <details class="parked-event" open={isFirst}>
    <summary>
      <span class="num muted">{event.version}</span> <b>{event.type}</b>
      {isFirst && <span class="chip chip-warn">fails</span>}
      {event.original !== null && <span class="chip">edited</span>}
      {event.unreadable !== null && <span class="chip chip-bad">unreadable</span>}
    </summary>
    {event.unreadable !== null && <p class="mono warn-text">{event.unreadable}</p>}
    <JsonView text={event.payload} original={event.original} name={`${parked.key}-${event.version}`} />
    <button
      type="button"
      class="btn"
      disabled={isReadOnly.value}
      onClick={() =>
        (edited.value = {
          handler: parked.handler,
          key: parked.key,
          version: event.version,
          type: event.type,
          payload: event.payload
        })
      }
    >
      Edit the payload
    </button>
  </details>
)

const Acts = ({ acts }: Pick<Detail, "acts">) =>
  acts.length === 0 ? null : (
    <>
      <h3>What was done to it</h3>
      <ul class="acts">
        {acts.map((one) => (
          <li key={`${one.at}${one.act}`}>
            <Time atMs={Date.parse(one.at)} isAgo /> <b>{one.act}</b>
            {one.version !== null && ` version ${one.version}`} by {one.actor}
            {one.why !== "" && <span class="muted"> – {one.why}</span>}
          </li>
        ))}
      </ul>
    </>
  )

const attemptsOf = ({ parked }: Detail) => parked.history.map((one) => ({ ...one, atMs: Date.parse(one.at) }))

const eventsShown = 50

/** A parked key: why, what waits in it, what was done to it, and what can be done. */
export const ParkedSheet = () => {
  const [handler, key] = pairIn(queryOf("at")) ?? ["", ""]
  const path = `parked/${encodeURIComponent(handler)}/${encodeURIComponent(key)}`
  const resource = useResource(queryOf("at"), (signal) => get<Detail>(path, { events: eventsShown }, signal), {
    again: parkedTurn.value
  })
  const gone = resource.problem?.type === "urn:millrace:key-not-parked"
  return (
    <Sheet title={`${handler} · ${key}`} name={queryOf("at")} close={() => change({ at: undefined })}>
      {gone ? (
        <Empty>It is not parked any more.</Empty>
      ) : (
        <Loaded resource={resource}>
          {(detail) => (
            <>
              <Facts parked={detail.parked} />
              <Reason parked={detail.parked} />
              <Buttons parked={detail.parked} />
              <h3>
                Attempts <span class="muted num">{detail.parked.history.length}</span>
              </h3>
              <Attempts attempts={attemptsOf(detail)} />
              <h3>
                Events <span class="muted num">{plural(detail.parked.events, "event")}, in order</span>
              </h3>
              {detail.events.map((event, index) => (
                <Event key={event.version} event={event} isFirst={index === 0} parked={detail.parked} />
              ))}
              <Acts acts={detail.acts} />
              <Twin command={showTwin(handler, key)} />
            </>
          )}
        </Loaded>
      )}
    </Sheet>
  )
}
