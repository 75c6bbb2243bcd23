import { useState } from "preact/hooks"
import type { HandledBody, TraceBody, TracedEventBody } from "../TraceApi.ts"
import { get } from "./api.ts"
import { traceTwin } from "./parkedTwin.ts"
import { clock, count, duration, plural } from "./format.ts"
import { useFrozen, useHold } from "./hold.ts"
import { Icon } from "./Icon.tsx"
import { TracedSheet } from "./Inspector.tsx"
import { Empty, Loaded, Pane } from "./Pane.tsx"
import { change, go, hrefOf, queryOf } from "./route.ts"
import { Time, Twin } from "./Said.tsx"
import { handledIcons, lanesOf } from "./trace.ts"
import { useResource } from "./useResource.ts"

const SearchForm = () => {
  const [text, set] = useState(queryOf("name"))
  return (
    <form
      class="inline"
      aria-label="Trace"
      onSubmit={(event) => {
        event.preventDefault()
        go("trace", { name: text.trim() })
      }}
    >
      <label class="inline">
        <span class="unseen">Order or key</span>
        <input
          type="search"
          placeholder="order or key"
          value={text}
          maxLength={1_100}
          onInput={(event) => set(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="btn">
        Trace
      </button>
    </form>
  )
}

/** What a handler has made of an event, with each attempt that failed. */
const HandledCell = ({ event, one }: { readonly one: HandledBody | undefined; readonly event: TracedEventBody }) => {
  if (one === undefined) return <td class="lane muted">–</td>
  const took = one.confirmedAtMs === null ? undefined : one.confirmedAtMs - event.appendedAtMs
  return (
    <td class={`lane lane-${one.state}`}>
      <span class="points">
        {one.attempts.map((attempt) => (
          <i
            key={attempt.attempt}
            class="point"
            title={`attempt ${attempt.attempt}, ${clock(attempt.atMs)}, ${attempt.tag}: ${attempt.message} (${attempt.instance})`}
          />
        ))}
        <span class={`mark mark-${one.state}`}>
          <Icon name={handledIcons[one.state]} />
        </span>
      </span>
      {one.state}
      <span class="muted num">
        {took !== undefined && ` +${duration(took)}`}
        {one.attempts.length > 0 && ` · ${plural(one.attempts.length, "failed attempt")}`}
      </span>
    </td>
  )
}

const Published = ({ event }: { readonly event: TracedEventBody }) => (
  <td class={`lane lane-${event.outbox === "published" ? "handled" : event.outbox === "held" ? "parked" : "waiting"}`}>
    <span class="points">
      <span
        class={`mark mark-${event.outbox === "published" ? "handled" : event.outbox === "held" ? "parked" : "waiting"}`}
      >
        <Icon name={event.outbox === "published" ? "check" : event.outbox === "held" ? "held" : "clock"} />
      </span>
    </span>
    {event.outbox === "published" ? `#${count(event.seq ?? 0)}` : event.outbox}
    {event.storedAtMs !== null && <span class="muted num"> +{duration(event.storedAtMs - event.appendedAtMs)}</span>}
  </td>
)

interface RowProps {
  readonly event: TracedEventBody
  readonly before: TracedEventBody | undefined
  readonly lanes: ReadonlyArray<string>
}

const EventRow = ({ before, event, lanes }: RowProps) => {
  const gapMs = before === undefined ? 0 : event.appendedAtMs - before.appendedAtMs
  const isMissing = before !== undefined && event.version !== before.version + 1
  return (
    <>
      {(gapMs > 0 || isMissing) && (
        <tr class="gap">
          <td colSpan={lanes.length + 3} class="num">
            {isMissing ? (
              <b>
                versions {(before?.version ?? 0) + 1} to {event.version - 1} are missing
              </b>
            ) : (
              `+${duration(gapMs)}`
            )}
          </td>
        </tr>
      )}
      <tr aria-selected={queryOf("point") === String(event.version)}>
        <th scope="row">
          <button type="button" class="link" data-row onClick={() => change({ point: String(event.version) })}>
            <span class="muted num">{event.version}</span> {event.type}
          </button>
        </th>
        <td class="lane lane-handled">
          <Time atMs={event.appendedAtMs} />
        </td>
        <Published event={event} />
        {lanes.map((lane) => (
          <HandledCell key={lane} event={event} one={event.handlers.find(({ handler }) => handler === lane)} />
        ))}
      </tr>
    </>
  )
}

const Swimlane = ({ body }: { readonly body: TraceBody }) => {
  const lanes = lanesOf(body)
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Swimlane">
      <table class="grid swimlane">
        <thead>
          <tr>
            {["Event", "Decided", "Published", ...lanes].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {body.events.map((event, index) => (
            <EventRow key={event.version} event={event} before={body.events[index - 1]} lanes={lanes} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

const Verdict = ({ body }: { readonly body: TraceBody }) => (
  <div class={`verdict ${body.inOrder ? "good" : "bad"}`}>
    <Icon name={body.inOrder ? "check" : "alert"} />
    <div>
      <b>
        In order: <span class="num">{body.verdict}</span>
      </b>
      <p class="muted num">
        <a href={hrefOf("trace", { name: body.key })}>{body.key}</a> · partition {body.partition} · version{" "}
        {count(body.version)}
        {body.earlier > 0 && ` · ${plural(body.earlier, "earlier event")} not shown`}
      </p>
      {body.waits.map((why) => (
        <p key={why}>{why}</p>
      ))}
    </div>
  </div>
)

const Acts = ({ body }: { readonly body: TraceBody }) =>
  body.acts.length === 0 ? null : (
    <>
      <h3>What was done to it</h3>
      <ul class="acts">
        {body.acts.map((one) => (
          <li key={`${one.atMs}${one.act}${one.handler}`}>
            <Time atMs={one.atMs} /> <b>{one.act}</b> {one.handler}
            {one.version !== null && ` version ${one.version}`} by {one.actor}
            {one.why !== "" && <span class="muted"> – {one.why}</span>}
          </li>
        ))}
      </ul>
    </>
  )

/** One order from its first event to its last handler. */
export const Trace = () => {
  const name = queryOf("name")
  const point = queryOf("point")
  const resource = useResource(name, (signal) => get<TraceBody>(`trace/${encodeURIComponent(name)}`, {}, signal), {
    everyMs: 3_000
  })
  const hold = useHold(point === "" ? "" : "selection")
  const value = useFrozen(hold, resource.value, name)
  const event = value?.events.find(({ version }) => String(version) === point)
  return (
    <>
      <Pane id="trace" title="Order trace" note={name} hold={hold} tools={<SearchForm key={name} />}>
        {name === "" ? (
          <Empty icon="search">
            An order or its key, and you see its whole way: decided, published, each attempt of each handler.
          </Empty>
        ) : (
          <Loaded resource={{ ...resource, value }} rows={6}>
            {(body) => (
              <>
                <Verdict body={body} />
                {body.events.length === 0 ? (
                  <Empty icon="search">It has no events yet.</Empty>
                ) : (
                  <Swimlane body={body} />
                )}
                <Acts body={body} />
                <Twin command={traceTwin(name)} />
              </>
            )}
          </Loaded>
        )}
      </Pane>
      {event !== undefined && <TracedSheet event={event} close={() => change({ point: undefined })} />}
    </>
  )
}
