import type { EventBody, TracedEventBody } from "../TraceApi.ts"
import { get } from "./api.ts"
import { count, duration, shortId } from "./format.ts"
import { Icon } from "./Icon.tsx"
import { JsonView } from "./JsonView.tsx"
import { Loaded } from "./Pane.tsx"
import { change, hrefOf, queryOf } from "./route.ts"
import { CopyButton, Fact, Time } from "./Said.tsx"
import { Sheet } from "./Sheet.tsx"
import { handledIcons } from "./trace.ts"
import { useResource } from "./useResource.ts"

const Envelope = ({ body }: { readonly body: EventBody }) => (
  <dl class="facts">
    <Fact name="Key">
      <a href={hrefOf("trace", { name: body.key })} title="Trace this key">
        {body.key}
      </a>
      <span class="muted num"> version {count(body.version)}</span>
    </Fact>
    <Fact name="Sequence">
      <span class="num">
        #{count(body.seq)} in partition {body.partition}
      </span>
    </Fact>
    <Fact name="Appended">
      <Time atMs={body.appendedAtMs} />
    </Fact>
    <Fact name="Stored">
      <Time atMs={body.storedAtMs} /> <span class="muted num">+{duration(body.storedAtMs - body.appendedAtMs)}</span>
    </Fact>
    <Identity eventId={body.eventId} traceparent={body.traceparent} />
  </dl>
)

const Identity = ({ eventId, traceparent }: { readonly eventId: string; readonly traceparent: string }) => (
  <>
    <Fact name="Event id">
      <span class="mono">{eventId}</span>
      <CopyButton label="Copy the event id" text={eventId} />
    </Fact>
    {traceparent !== "" && (
      <Fact name="Caused by">
        <span class="mono">{traceparent.split("-")[1] ?? traceparent}</span>
        <CopyButton label="Copy the trace id" text={traceparent.split("-")[1] ?? traceparent} />
      </Fact>
    )}
  </>
)

const Headers = ({ headers }: { readonly headers: Readonly<Record<string, string>> }) => (
  <details>
    <summary>Headers ({Object.keys(headers).length})</summary>
    <dl class="facts">
      {Object.entries(headers).map(([name, value]) => (
        <Fact key={name} name={name}>
          <span class="mono">{value}</span>
        </Fact>
      ))}
    </dl>
  </details>
)

/** An event of the stream, whole. */
export const EventSheet = () => {
  const seq = queryOf("event")
  const resource = useResource(seq, (signal) => get<EventBody>(`events/${seq}`, {}, signal))
  return (
    <Sheet title={`Event #${seq}`} name={seq} close={() => change({ event: undefined })}>
      <Loaded resource={resource}>
        {(body) => (
          <>
            <p class="lead">{body.type}</p>
            <Envelope body={body} />
            <Headers headers={body.headers} />
            <JsonView text={body.payload} name={`event-${body.seq}`} />
          </>
        )}
      </Loaded>
    </Sheet>
  )
}

interface AttemptsProps {
  readonly attempts: ReadonlyArray<{
    readonly attempt: number
    readonly atMs: number
    readonly tag: string
    readonly message: string
    readonly instance: string
  }>
}

/** Failed attempts with the time between them. */
export const Attempts = ({ attempts }: AttemptsProps) => (
  <ol class="attempts">
    {attempts.map((one, index) => {
      const before = attempts[index - 1]
      return (
        <li key={one.attempt}>
          <b class="num">{one.attempt}</b>
          <div>
            <b>{one.tag}</b> <Time atMs={one.atMs} />{" "}
            <span class="muted num">
              {before !== undefined && `+${duration(one.atMs - before.atMs)} · `}
              <span title={one.instance}>{shortId(one.instance)}</span>
            </span>
            <p class="mono">{one.message}</p>
          </div>
        </li>
      )
    })}
  </ol>
)

const HandlerOf = ({ one }: { readonly one: TracedEventBody["handlers"][number] }) => (
  <section class="handled">
    <h3>
      <span class={`mark mark-${one.state}`}>
        <Icon name={handledIcons[one.state]} />
      </span>
      {one.handler} <span class="muted">{one.state}</span>
    </h3>
    {one.why !== null && <p>{one.why}</p>}
    {one.dueAtMs !== null && (
      <p class="muted">
        Next attempt <Time atMs={one.dueAtMs} />
      </p>
    )}
    {one.confirmedAtMs !== null && one.intendedAtMs !== null && (
      <p class="muted num">
        Effect begun <Time atMs={one.intendedAtMs} />, confirmed +{duration(one.confirmedAtMs - one.intendedAtMs)}
      </p>
    )}
    <Attempts attempts={one.attempts} />
  </section>
)

/** An event of a trace: what each handler has made of it, and its payload. */
export const TracedSheet = ({ event, close }: { readonly event: TracedEventBody; readonly close: () => void }) => (
  <Sheet title={`Version ${event.version} · ${event.type}`} name={`${event.eventId}`} close={close}>
    <dl class="facts">
      <Fact name="Appended">
        <Time atMs={event.appendedAtMs} />
      </Fact>
      <Fact name="Outbox">{event.outbox}</Fact>
      {event.seq !== null && (
        <Fact name="Sequence">
          <a class="num" href={hrefOf("tail", { event: String(event.seq) })}>
            #{count(event.seq)}
          </a>
          <span class="muted num"> in partition {event.partition}</span>
        </Fact>
      )}
      <Identity eventId={event.eventId} traceparent={event.traceparent} />
    </dl>
    {event.handlers.map((one) => (
      <HandlerOf key={one.handler} one={one} />
    ))}
    {event.payload !== null && <JsonView text={event.payload} name={`event-${event.eventId}`} />}
  </Sheet>
)
