import { useState } from "preact/hooks"
import type { HandlerBody } from "../OverviewApi.ts"
import { askControl } from "./control.ts"
import { isReadOnly } from "./feed.ts"
import { count, duration, plural, rate } from "./format.ts"
import { Icon } from "./Icon.tsx"
import { hrefOf } from "./route.ts"
import { Fact, Time } from "./Said.tsx"

const askPause = (name: string): void =>
  askControl({
    title: `Pause ${name}?`,
    text: `What is in hand is finished; nothing more of ${name} is handled, over restarts too, until it is resumed. Nothing is lost: its events wait in the stream.`,
    confirm: `Pause ${name}`,
    control: { act: "pause", handler: name }
  })

const askResume = (name: string): void =>
  askControl({
    title: `Resume ${name}?`,
    text: `${name} goes on where it stopped, in order.`,
    confirm: `Resume ${name}`,
    control: { act: "resume", handler: name }
  })

const askThrottle = (name: string, perSecond: number | null): void =>
  askControl({
    title: perSecond === null ? `Lift the throttle of ${name}?` : `Throttle ${name}?`,
    text:
      perSecond === null
        ? `${name} is as fast as it can be again.`
        : `At most ${rate(perSecond)} events a second over all instances, until it is lifted.`,
    confirm: perSecond === null ? "Lift the throttle" : `Throttle to ${rate(perSecond)}/s`,
    control: { act: "throttle", handler: name, perSecond }
  })

const Throttle = ({ body }: { readonly body: HandlerBody }) => {
  const [text, set] = useState("")
  const perSecond = Number(text)
  const isUsable = text !== "" && perSecond >= 0.01 && perSecond <= 1_000_000
  return (
    <form
      class="inline"
      onSubmit={(event) => {
        event.preventDefault()
        if (isUsable) askThrottle(body.name, perSecond)
      }}
    >
      <label class="inline">
        <span class="muted">Throttle</span>
        <input
          type="number"
          class="num narrow"
          min="0.01"
          max="1000000"
          step="any"
          placeholder="events/s"
          value={text}
          onInput={(event) => set(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="btn" disabled={!isUsable || isReadOnly.value}>
        Set
      </button>
      {body.throttledPerSecond !== null && (
        <button type="button" class="btn" disabled={isReadOnly.value} onClick={() => askThrottle(body.name, null)}>
          Lift {rate(body.throttledPerSecond)}/s
        </button>
      )}
    </form>
  )
}

const drainText = ({ drainSeconds, lag }: HandlerBody): string => {
  if (lag === 0) return "nothing waits"
  if (drainSeconds === null) return "does not shrink"
  return drainSeconds === 0 ? "caught up at once" : `caught up in ${duration(drainSeconds * 1_000)}`
}

/** One handler over all its partitions, and what can be done to it. */
export const HandlerBar = ({ body }: { readonly body: HandlerBody }) => (
  <div class="handler-bar">
    <dl class="facts">
      <Fact name="Handler">
        <b>{body.name}</b> <span class="muted">{body.delivery}</span>
      </Fact>
      <Fact name="Latency">
        {body.latency === null
          ? "–"
          : `${duration(body.latency.p50)} · ${duration(body.latency.p95)} · ${duration(body.latency.p99)}`}
      </Fact>
      <Fact name="Lag">
        {count(body.lag)} <span class="muted">{drainText(body)}</span>
      </Fact>
      <Fact name="Failures">{rate(body.failedPerSecond)}/s</Fact>
      <Fact name="Aside">
        {count(body.parkedKeys)} parked · {count(body.retryingKeys)} retrying
      </Fact>
      {body.violations > 0 && (
        <Fact name="Order">
          <a href={hrefOf("alerts")}>{plural(body.violations, "violation")}</a>
        </Fact>
      )}
      {body.resting !== null && <Fact name="Rests">{body.resting}</Fact>}
      {body.paused !== null && (
        <Fact name="Paused">
          by {body.paused.actor} <Time atMs={body.paused.atMs} isAgo />
          {body.paused.why !== "" && ` – ${body.paused.why}`}
        </Fact>
      )}
    </dl>
    <div class="tools">
      <Throttle body={body} />
      {body.paused === null ? (
        <button type="button" class="btn" disabled={isReadOnly.value} onClick={() => askPause(body.name)}>
          <Icon name="pause" />
          Pause
        </button>
      ) : (
        <button type="button" class="btn btn-main" disabled={isReadOnly.value} onClick={() => askResume(body.name)}>
          <Icon name="play" />
          Resume
        </button>
      )}
    </div>
  </div>
)
