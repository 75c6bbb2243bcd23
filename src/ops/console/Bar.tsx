import { useState } from "preact/hooks"
import { loudAlerts } from "./Alerts.tsx"
import { feed, isHeld, nowMs, overview, staleMs, toggleHold } from "./feed.ts"
import { count, duration } from "./format.ts"
import { Icon } from "./Icon.tsx"
import { isHelpOpen } from "./keyboard.ts"
import { go, hrefOf, route, type Section, sections } from "./route.ts"
import { choice, nextTheme } from "./theme.ts"

const secondsTo = (atMs: number): number => Math.max(0, Math.ceil((atMs - nowMs.value) / 1_000))

/** How fresh what is seen is, in words and a colour. */
const feedText = (): readonly [string, string] => {
  const state = feed.value
  if (state.kind === "retrying") return ["bad", `reconnecting in ${secondsTo(state.atMs)} s`]
  if (state.kind === "refused") return ["bad", "refused"]
  if (isHeld.value) return ["warn", "paused"]
  if (staleMs.value !== undefined) return ["warn", `stale ${duration(Math.floor(staleMs.value / 1_000) * 1_000)}`]
  if (state.kind === "connecting") return ["", "connecting"]
  return state.kind === "live" ? ["good", "live"] : ["", "closed while hidden"]
}

const FeedState = () => {
  const [tone, text] = feedText()
  return (
    <span class={`feed ${tone}`}>
      <i aria-hidden="true" />
      <span class="num">{text}</span>
    </span>
  )
}

const Search = () => {
  const [text, set] = useState("")
  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault()
        if (text.trim() !== "") go("trace", { name: text.trim() })
      }}
    >
      <Icon name="search" />
      <input
        id="search"
        type="search"
        aria-label="Search an order or key"
        placeholder="Search an order or key"
        maxLength={1_100}
        value={text}
        onInput={(event) => set(event.currentTarget.value)}
      />
      <kbd aria-hidden="true">/</kbd>
    </form>
  )
}

const themeIcons = { system: "system", light: "sun", dark: "moon" } as const
const isTheme = (name: string): name is keyof typeof themeIcons => name in themeIcons

const Buttons = () => (
  <>
    <button
      type="button"
      class="btn btn-quiet"
      aria-pressed={isHeld.value}
      aria-label={isHeld.value ? "Resume the feed" : "Pause the feed"}
      title={`${isHeld.value ? "Resume" : "Pause"} the feed (Space)`}
      onClick={toggleHold}
    >
      <Icon name={isHeld.value ? "play" : "pause"} />
    </button>
    <button
      type="button"
      class="btn btn-quiet"
      aria-label={`Theme: ${choice.value}`}
      title={`Theme: ${choice.value} (t)`}
      onClick={nextTheme}
    >
      <Icon name={isTheme(choice.value) ? themeIcons[choice.value] : "system"} />
    </button>
    <button
      type="button"
      class="btn btn-quiet"
      aria-label="Keyboard"
      title="Keyboard (?)"
      onClick={() => (isHelpOpen.value = true)}
    >
      <Icon name="help" />
    </button>
  </>
)

/** What is looked at, whether it is fresh, and the search. */
export const Bar = () => {
  const body = overview.value
  return (
    <header class="bar">
      <a class="brand" href={hrefOf("overview")}>
        <svg class="logo" viewBox="0 0 16 16" aria-hidden="true">
          <path d="M2 4h12M2 8h8M2 12h10" />
        </svg>
        Millrace
      </a>
      {body !== undefined && (
        <span class="where">
          {body.stream} <span class="muted">{body.environment}</span>
          {body.readOnly && (
            <span class="chip">
              <Icon name="lock" />
              read-only
            </span>
          )}
        </span>
      )}
      <Search />
      <FeedState />
      <Buttons />
    </header>
  )
}

const labels: Readonly<Record<Section, string>> = {
  overview: "Overview",
  trace: "Order trace",
  tail: "Live tail",
  parked: "Parked",
  instances: "Instances",
  alerts: "Alerts",
  activity: "Activity"
}

/** What a view has to say before it is opened. */
const badgeOf = (section: Section): readonly [string, string] => {
  const body = overview.value
  if (body === undefined) return ["", ""]
  if (section === "parked" && body.parked.keys > 0) return ["warn", count(body.parked.keys)]
  if (section === "instances") return ["", count(body.instances.length)]
  const loud = section === "alerts" ? loudAlerts(body) : []
  return loud.length === 0
    ? ["", ""]
    : [loud.some(({ severity }) => severity === "critical") ? "bad" : "warn", count(loud.length)]
}

export const Nav = () => (
  <nav class="nav" aria-label="Sections">
    {sections.map((section) => {
      const [tone, text] = badgeOf(section)
      return (
        <a key={section} href={hrefOf(section)} aria-current={route.value.section === section ? "page" : undefined}>
          {labels[section]}
          {text !== "" && <span class={`nav-badge num ${tone}`}>{text}</span>}
        </a>
      )
    })}
  </nav>
)
