import { type Duration, Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { rebalanceDoorbell } from "../pipeline/Doorbell.ts"
import type { Check } from "../pipeline/Check.ts"
import { type ControlChange, ControlDesk, type ControlTarget } from "../pipeline/ControlDesk.ts"
import { EventLog } from "../pipeline/EventLog.ts"
import { type LeaseFacts, PipelineView } from "../pipeline/PipelineView.ts"
import { cliOfControl } from "./cliTwin.ts"
import type { ControlBody } from "./ControlApi.ts"
import { diagnose } from "./Doctor.ts"
import { ackWaitCheck } from "./ackWaitCheck.ts"
import { OpsApi } from "./OpsApi.ts"
import { Overview } from "./Overview.ts"
import { runningChecks } from "./runningChecks.ts"
import { NotFoundProblem, OlderInstancesProblem, ReadOnlyProblem, StoreUnavailableProblem } from "./opsProblems.ts"

/** Whether something may be changed, and what the doctor looks at and holds it against; see `OpsOptions`. */
interface ControlOptions {
  readonly readOnly: boolean
  readonly checks: ReadonlyArray<Check>
  readonly backlogAgeMax: Duration.Duration
  readonly ackWait: Duration.Duration
  readonly command: string
}

/** What operators may do, and what the doctor says, over HTTP. */
export const controlGroupLayer = (stream: string, options: ControlOptions) =>
  HttpApiBuilder.group(
    OpsApi,
    "control",
    Effect.fn(function* (handlers) {
      const desk = yield* ControlDesk
      const view = yield* PipelineView
      const log = yield* EventLog
      const checks = yield* checksOf(stream, options)
      const act = Effect.fnUntraced(function* (body: ControlBody) {
        if (body.act === "repartition") return yield* wish(desk, stream, options.command, body)
        const target = targetOf(body)
        yield* known(view, stream, target, body.act)
        const { actor, why } = body
        const changed = yield* desk.change(stream, body.act, target, changeOf(body), { actor, why })
        // Instances look at what is wanted with their next beat, which this brings on.
        yield* log.ring(rebalanceDoorbell(stream))
        return { changed, cli: cliOfControl(options.command, body) }
      })
      return handlers.handleAll({
        control: ({ payload }) =>
          options.readOnly
            ? Effect.fail(new ReadOnlyProblem({}))
            : act(payload).pipe(
                Effect.catchTag("StoreUnavailable", (error) =>
                  Effect.fail(new StoreUnavailableProblem({ detail: error.message }))
                )
              ),
        doctor: () => diagnose(checks)
      })
    })
  )

/** Those of the application first; what it looks at itself is not looked at again. */
const checksOf = Effect.fnUntraced(function* (
  stream: string,
  { ackWait, backlogAgeMax, checks, command }: ControlOptions
) {
  const overview = yield* Overview
  const own = [...(yield* runningChecks({ stream, backlogAgeMax, command })), ackWaitCheck(ackWait, overview.current)]
  const known = new Set(checks.map(({ name }) => name))
  return [...checks, ...own.filter(({ name }) => !known.has(name))]
})

const namesOf = (leases: ReadonlyArray<LeaseFacts>) => [...new Set(leases.map(({ handler }) => handler))].join(", ")

const wish = Effect.fnUntraced(function* (
  desk: ControlDesk["Service"],
  stream: string,
  command: string,
  body: Repartition
) {
  const { actor, partitions, why } = body
  const answer = yield* desk.repartition(stream, partitions, { actor, why })
  if (answer._tag === "undeclared") return yield* new NotFoundProblem({ detail: `nobody has declared ${stream} yet` })
  if (answer._tag === "older")
    return yield* new OlderInstancesProblem({ instances: answer.instances, detail: answer.instances.join(", ") })
  return { changed: answer._tag === "wanted", cli: cliOfControl(command, body) }
})

type Repartition = Extract<ControlBody, { readonly act: "repartition" }>

type Lasting = Exclude<ControlBody, Repartition>

const targetOf = (body: Lasting): ControlTarget => {
  if ("instance" in body) return { instance: body.instance }
  const { handler } = body
  if (handler === undefined) return {}
  return "partition" in body && body.partition !== undefined ? { handler, partition: body.partition } : { handler }
}

const changeOf = (body: Lasting): ControlChange => {
  switch (body.act) {
    case "pause":
      return { paused: true }
    case "resume":
      return { paused: false }
    case "throttle":
      return { perSecond: body.perSecond }
    case "drain":
      return { draining: true }
    case "undrain":
      return { draining: false }
  }
}

/** What nobody has cannot be paused: a slip of the pen would look like an act. To take something back is always allowed. */
const known = Effect.fnUntraced(function* (
  view: PipelineView["Service"],
  stream: string,
  { handler, instance, partition }: ControlTarget,
  act: Lasting["act"]
) {
  if (act === "resume" || act === "undrain") return
  const { instances, leases } = yield* view.facts(stream, 1)
  const own = leases.filter((lease) => lease.handler === handler)
  if (instance !== undefined && !instances.some(({ id }) => id === instance))
    return yield* new NotFoundProblem({ detail: `no instance ${JSON.stringify(instance)} shows itself alive` })
  if (handler !== undefined && own.length === 0)
    return yield* new NotFoundProblem({
      detail: `there is no handler ${JSON.stringify(handler)}; there are ${namesOf(leases)}`
    })
  if (partition === undefined) return
  if (own.some(({ delivery }) => delivery === "balanced"))
    return yield* new NotFoundProblem({
      detail: `${handler} is balanced: its events are of any partition; pause it as a whole`
    })
  if (!own.some((lease) => lease.partition === partition))
    return yield* new NotFoundProblem({ detail: `${handler} has no partition ${partition}` })
})
