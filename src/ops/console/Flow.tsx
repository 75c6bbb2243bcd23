import type { ComponentChildren } from "preact"
import type { HandlerBody, OverviewBody } from "../OverviewApi.ts"
import { bytes, count, duration, plural, rate, shortId } from "./format.ts"
import { HandlerBar } from "./HandlerBar.tsx"
import { Icon } from "./Icon.tsx"
import { Pane } from "./Pane.tsx"
import { change, queryOf } from "./route.ts"

interface StepProps {
  readonly title: string
  readonly main: ComponentChildren
  readonly more: ComponentChildren
  readonly tone?: "" | "warn" | "bad"
}

const Step = ({ main, more, title, tone = "" }: StepProps) => (
  <div class={`step ${tone}`}>
    <span class="step-title">{title}</span>
    <b class="num">{main}</b>
    <span class="muted num">{more}</span>
  </div>
)

/** What goes along an edge. `tight`: it is the first that takes less than what comes, and how. */
const Edge = ({
  perSecond,
  tight = "",
  title
}: {
  readonly title: string
  readonly perSecond: number
  readonly tight?: string
}) => (
  <div class={`edge ${tight === "" ? "" : "tight"}`} title={title}>
    <span class="num">
      {tight !== "" && <Icon name="alert" />}
      {rate(perSecond)}/s
    </span>
    <i aria-hidden="true" />
    {tight !== "" && <span>{tight}</span>}
  </div>
)

/** So much less goes out than comes in that it is no matter of when one looked. */
const tightShare = 0.9

/** Younger than this nothing is said to be held up. */
const lateMs = 5_000

/** A handler may take a few of the types only: it is its own lag that says whether it keeps up. */
const isLate = ({ drainSeconds, lag, oldestMs }: HandlerBody): boolean =>
  lag > 0 && drainSeconds === null && oldestMs > lateMs

/** Where it gets tight first, on the way of an event: at the relay, or at a handler. */
export const tightAt = ({ handlers, outbox, rates }: OverviewBody): "relay" | HandlerBody | undefined =>
  outbox.rows > 0 && rates.appended > 0.5 && rates.published < rates.appended * tightShare
    ? "relay"
    : handlers.filter(isLate).toSorted((a, b) => b.oldestMs - a.oldestMs)[0]

const HandlerStep = ({ body, isChosen }: { readonly body: HandlerBody; readonly isChosen: boolean }) => {
  const word =
    body.paused !== null ? "paused" : body.resting !== null ? "resting" : body.failedPerSecond > 0 ? "failing" : ""
  return (
    <button
      type="button"
      class={`step step-handler ${word === "" ? "" : "warn"}`}
      aria-pressed={isChosen}
      onClick={() => change({ handler: isChosen ? undefined : body.name })}
    >
      <span class="step-title">
        {body.name}
        {word !== "" && <span class="chip chip-warn">{word}</span>}
        {body.violations > 0 && <span class="chip chip-bad">{plural(body.violations, "violation")}</span>}
      </span>
      <b class="num">{rate(body.handledPerSecond)}/s</b>
      <span class="muted num">
        lag {count(body.lag)} · {count(body.inHand)} in hand
        {body.parkedKeys > 0 && ` · ${count(body.parkedKeys)} parked`}
      </span>
    </button>
  )
}

const relayOf = ({ relay }: OverviewBody): StepProps =>
  relay.failing !== null
    ? { title: "Relay", main: "failing", more: relay.failing, tone: "bad" }
    : relay.leader === null
      ? { title: "Relay", main: "no leader", more: "nobody publishes", tone: "bad" }
      : {
          title: "Relay",
          main: <span title={relay.leader}>{shortId(relay.leader)}</span>,
          more: `leads, epoch ${count(relay.epoch)}`
        }

const streamOf = ({ broker, stream }: OverviewBody): StepProps => {
  const share = broker.bytesMax > 0 ? broker.bytes / broker.bytesMax : 0
  return {
    title: `Stream ${stream}`,
    main: count(broker.messages),
    more: `${bytes(broker.bytes)}${broker.bytesMax > 0 ? ` of ${bytes(broker.bytesMax)}` : ""} · #${count(broker.lastSeq)}`,
    tone: share > 0.85 ? "warn" : ""
  }
}

/** The way of an event: what goes along each edge, what waits at each node, and where it gets tight first. */
export const Flow = ({ body }: { readonly body: OverviewBody }) => {
  const tight = tightAt(body)
  const chosen = queryOf("handler")
  const { lag, outbox, rates } = body
  const chosenBody = body.handlers.find(({ name }) => name === chosen)
  return (
    <Pane
      id="flow"
      title="Flow"
      note={tight === undefined ? "nothing is held up" : "more comes in than goes out at the marked edge"}
    >
      <div class="flow">
        <Step title="Commands" main={`${rate(rates.appended)}/s`} more="events appended" />
        <Edge title="appended" perSecond={rates.appended} />
        <Step
          title="Outbox"
          main={`${count(outbox.rows)}${outbox.more ? "+" : ""}`}
          more={outbox.rows === 0 ? "empty" : `oldest ${duration(outbox.oldestMs)}`}
          tone={outbox.heldKeys > 0 ? "warn" : ""}
        />
        <Edge title="published" perSecond={rates.published} tight={tight === "relay" ? "in > out" : ""} />
        <Step {...relayOf(body)} />
        <Edge title="stored" perSecond={rates.published} />
        <Step {...streamOf(body)} />
        <Edge
          title="handled by all handlers"
          perSecond={rates.handled}
          tight={tight === undefined || tight === "relay" ? "" : `${tight.name} is behind`}
        />
        <Step
          title="Workers"
          main={count(lag.inHand)}
          more={`in hand · ${plural(body.instances.length, "instance")}`}
        />
      </div>
      <div class="fan" role="group" aria-label="Handlers">
        {body.handlers.map((one) => (
          <HandlerStep key={one.name} body={one} isChosen={one.name === chosen} />
        ))}
      </div>
      {chosenBody !== undefined && <HandlerBar body={chosenBody} />}
    </Pane>
  )
}
