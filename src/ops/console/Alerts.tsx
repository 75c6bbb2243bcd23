import { useState } from "preact/hooks"
import type { AlertBody, OverviewBody } from "../OverviewApi.ts"
import { get } from "./api.ts"
import { command } from "./feed.ts"
import { plural } from "./format.ts"
import { useFrozen, useHold } from "./hold.ts"
import { Icon } from "./Icon.tsx"
import { Empty, Loaded, Pane } from "./Pane.tsx"
import { remembered } from "./remembered.ts"
import { Time, Twin } from "./Said.tsx"
import { useResource } from "./useResource.ts"
import { Violations } from "./Violations.tsx"

/** Names of the rules that this browser does not want to hear of. */
const muted = remembered("local", "millrace.muted")

const isMuted = (name: string): boolean => muted.value.split(" ").includes(name)

const toggleMute = (name: string): void => {
  const names = muted.value.split(" ").filter((one) => one !== "")
  muted.value = (names.includes(name) ? names.filter((one) => one !== name) : [...names, name]).join(" ")
}

/** Rules that fire and are not muted here. */
export const loudAlerts = ({ alerts }: OverviewBody): ReadonlyArray<AlertBody> =>
  alerts.filter(({ firing, name }) => firing && !isMuted(name))

/** `pending`: it is so, but not for as long as the rule wants. */
const stateOf = ({ firing, name, sinceMs }: AlertBody): string => {
  if (firing) return isMuted(name) ? "muted" : "firing"
  return sinceMs === null ? "quiet" : "pending"
}

const Row = ({ one }: { readonly one: AlertBody }) => {
  const tone = !one.firing || isMuted(one.name) ? "" : one.severity === "critical" ? "bad" : "warn"
  return (
    <tr class={tone}>
      <th scope="row">
        <span class={`alert-state ${tone}`}>
          <Icon name={one.firing ? "alert" : one.sinceMs === null ? "check" : "clock"} />
          {stateOf(one)}
        </span>
      </th>
      <td>
        <b>{one.name}</b> <span class="chip">{one.severity}</span>
        <div class="muted">{one.summary}</div>
      </td>
      <td class="num">{one.value}</td>
      <td class="num">{one.threshold}</td>
      <td>{one.sinceMs === null ? "–" : <Time atMs={one.sinceMs} isAgo />}</td>
      <td>
        <code>docs/runbook.md#{one.runbook.replace(/^#/, "")}</code>
      </td>
      <td class="right">
        <button
          type="button"
          class="btn"
          data-row
          aria-pressed={isMuted(one.name)}
          onClick={() => toggleMute(one.name)}
        >
          {isMuted(one.name) ? "Unmute" : "Mute"}
          <span class="unseen"> {one.name}</span>
        </button>
      </td>
    </tr>
  )
}

const byUrgency = (a: AlertBody, b: AlertBody): number =>
  Number(b.firing) - Number(a.firing) || a.severity.localeCompare(b.severity) || a.name.localeCompare(b.name)

/** The shipped rules, and how they stand. */
export const Alerts = ({ body }: { readonly body: OverviewBody }) => {
  const hold = useHold()
  const { alerts } = useFrozen(hold, body)
  const firing = alerts.filter((one) => one.firing).length
  return (
    <>
      <Pane
        id="alerts"
        title="Alerts"
        note={firing === 0 ? "none fires" : `${plural(firing, "rule")} firing`}
        hold={hold}
      >
        {alerts.length === 0 ? (
          <Empty icon="clock">No rule has been evaluated yet.</Empty>
        ) : (
          <div class="scroll" tabIndex={0} role="region" aria-label="Alert rules">
            <table class="grid">
              <thead>
                <tr>
                  {["State", "Rule", "Now", "Limit", "Since", "Runbook"].map((name) => (
                    <th key={name} scope="col">
                      {name}
                    </th>
                  ))}
                  <th scope="col">
                    <span class="unseen">Mute here</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {alerts.toSorted(byUrgency).map((one) => (
                  <Row key={one.name} one={one} />
                ))}
              </tbody>
            </table>
          </div>
        )}
        <p class="muted">
          This page does not page anybody. The same rules are in deploy/prometheus; muting here is for this browser
          only.
        </p>
      </Pane>
      <Violations open={body.violations} />
      <Doctor />
    </>
  )
}

interface Findings {
  readonly healthy: boolean
  readonly findings: ReadonlyArray<{
    readonly name: string
    readonly status: "ok" | "warning" | "failed"
    readonly detail: string
    readonly remedy: string
  }>
}

const icons = { ok: "check", warning: "alert", failed: "cross" } as const
const tones = { ok: "good", warning: "warn", failed: "bad" } as const

const Checked = ({ findings }: Findings) => (
  <ul class="findings">
    {findings.map(({ detail, name, remedy, status }) => (
      <li key={name}>
        <span class={`alert-state ${tones[status]}`}>
          <Icon name={icons[status]} />
          {status}
        </span>
        <b>{name}</b>
        <span class="muted">{detail}</span>
        {status !== "ok" && remedy !== "" && <p>{remedy}</p>}
      </li>
    ))}
  </ul>
)

/** The doctor's checks: on demand, for they ask the servers. */
const Doctor = () => {
  const [turn, setTurn] = useState(0)
  const resource = useResource(turn === 0 ? "" : String(turn), (signal) => get<Findings>("doctor", {}, signal))
  return (
    <Pane
      id="doctor"
      title="Doctor"
      tools={
        <button type="button" class="btn" onClick={() => setTurn((before) => before + 1)}>
          {turn === 0 ? "Examine" : "Examine again"}
        </button>
      }
    >
      {turn === 0 ? (
        <Empty icon="search">Examines servers, settings and versions, with a remedy for what it finds.</Empty>
      ) : (
        <Loaded resource={resource}>{(found) => <Checked {...found} />}</Loaded>
      )}
      <Twin command={`${command.value} doctor`} />
    </Pane>
  )
}
