import type { OverviewBody } from "../OverviewApi.ts"
import { ActDialog } from "./ActDialog.tsx"
import { Activity } from "./Activity.tsx"
import { Alerts } from "./Alerts.tsx"
import { Announcer } from "./Announcer.tsx"
import { Bar, Nav } from "./Bar.tsx"
import { EditDialog } from "./EditDialog.tsx"
import { feed, overview, serverNowMs, staleMs } from "./feed.ts"
import { Flow } from "./Flow.tsx"
import { duration } from "./format.ts"
import { gate } from "./Gate.tsx"
import { HelpDialog } from "./HelpDialog.tsx"
import { Icon } from "./Icon.tsx"
import { EventSheet } from "./Inspector.tsx"
import { Instances } from "./Instances.tsx"
import { Parked } from "./Parked.tsx"
import { ParkedSheet } from "./ParkedSheet.tsx"
import { Partitions } from "./Partitions.tsx"
import { PartitionSheet } from "./PartitionSheet.tsx"
import { QuestionDialog } from "./QuestionDialog.tsx"
import { queryOf, route, type Section } from "./route.ts"
import { Tail } from "./Tail.tsx"
import { Trace } from "./Trace.tsx"
import { Vitals } from "./Vitals.tsx"

const views: Readonly<Record<Section, (body: OverviewBody) => preact.ComponentChildren>> = {
  overview: (body) => (
    <>
      <Flow body={body} />
      <Partitions body={body} />
    </>
  ),
  trace: () => <Trace />,
  tail: () => <Tail />,
  parked: () => <Parked />,
  instances: (body) => <Instances body={body} />,
  alerts: (body) => <Alerts body={body} />,
  activity: () => <Activity />
}

const servers = { postgres: "Postgres", nats: "NATS" } as const

/** What cannot be trusted of the page, and why. */
const Warnings = ({ body }: { readonly body: OverviewBody }) => {
  const state = feed.value
  return (
    <>
      {state.kind === "retrying" && (
        <p class="warning" role="status">
          <Icon name="alert" />
          The feed is broken ({state.problem.title}). What you see is {duration(staleMs.value ?? 0)} old.
        </p>
      )}
      {body.stale.map(({ sinceMs, what, why }) => (
        <p key={what} class="warning" role="status">
          <Icon name="alert" />
          {servers[what]} cannot be read for {duration(Math.max(0, serverNowMs.value - sinceMs))}: {why}. What comes
          from it is shown as it was.
        </p>
      ))}
    </>
  )
}

const sheet = () => {
  if (queryOf("event") !== "") return <EventSheet />
  if (queryOf("cell") !== "") return <PartitionSheet />
  return queryOf("at") === "" ? null : <ParkedSheet />
}

const Page = ({ body }: { readonly body: OverviewBody }) => (
  <>
    <Nav />
    <main id="main" tabIndex={-1}>
      <h1 class="unseen">
        {body.stream}, {route.value.section}
      </h1>
      <Warnings body={body} />
      <Vitals body={body} />
      <div class="view" key={route.value.section}>
        {views[route.value.section](body)}
      </div>
    </main>
    {sheet()}
  </>
)

// The address is a view's: it cannot also name an anchor.
const skip = (event: Event): void => {
  event.preventDefault()
  document.getElementById("main")?.focus()
}

export const App = () => {
  const body = overview.value
  const inTheWay = gate()
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <Bar />
      {inTheWay !== undefined || body === undefined ? <main>{inTheWay}</main> : <Page body={body} />}
      <QuestionDialog />
      <ActDialog />
      <EditDialog />
      <HelpDialog />
      <Announcer />
    </>
  )
}
