import { Duration, Effect, Fiber, Option, Random, Schedule } from "effect"
import { runAudit, type AuditReport } from "../../pipeline/Audit.ts"
import { judge, type Judgement } from "../../pipeline/Oracle.ts"
import { RelayStore } from "../../pipeline/RelayStore.ts"
import type { AppConfigValues } from "../AppConfig.ts"
import { drillServers, type DrillServers, pipelineInfra } from "../AppLayer.ts"
import { withApi } from "../cli/ApiClient.ts"
import { CommandFailed, exitCode } from "../cli/exitCodes.ts"
import { reasonOf } from "../cli/reasonOf.ts"
import { type Progress, runSimulation } from "../cli/simulation.ts"
import { Orders } from "../orders/Orders.ts"
import { type PipelineProcess, startPipeline } from "./PipelineProcess.ts"
import { startReceiver } from "./PushReceiver.ts"

/** What there is to rehearse. */
export const drillNames = ["broker", "worker", "relay", "postgres"] as const
export type DrillName = (typeof drillNames)[number]

/** What is done to a process: SIGKILL, SIGSTOP for less than its leases last, or for longer. */
export const blows = ["kill", "freeze", "zombie"] as const
export type Blow = (typeof blows)[number]

/** How it is rehearsed. */
export interface DrillOptions {
  readonly name: DrillName
  /** Events to send, at least. */
  readonly events: number
  /** Disasters. */
  readonly cycles: number
  /** What to do to processes; one of all at random when there is none. */
  readonly blow: Blow | undefined
  /** How long a server stays down. */
  readonly down: Duration.Duration
  readonly say: (line: string) => Effect.Effect<void>
}

/** What came of it. */
export interface DrillResult {
  readonly ok: boolean
  readonly events: number
  readonly lost: number
  readonly outOfOrder: number
  readonly duplicated: number
  /** Effects outside that were repeated under their idempotency key, as promised. */
  readonly repeated: number
  readonly disasters: ReadonlyArray<string>
  readonly audit: AuditReport
}

const eventsPerOrder = 3

/** Between the end of one disaster and the beginning of the next, in milliseconds. */
const breatherMs = { minimum: 1_500, maximum: 3_500 }

/** How long a frozen process sleeps, in milliseconds. Its leases last 3 s. */
const sleepMs = { freeze: { minimum: 500, maximum: 2_500 }, zombie: { minimum: 3_500, maximum: 8_000 } }

/** Nobody wants to wait for the events of the killed. */
const ACK_WAIT_SECONDS = "3"

/**
 * Sends orders to pipelines on throw-away servers, commits the disaster again and again, and judges: the write side's own
 * answers, the read model, the points, the pushes that arrived, and the books of the stream.
 */
export const runDrill = Effect.fnUntraced(function* (options: DrillOptions) {
  yield* options.say("starting a Postgres and a nats-server to throw away")
  const servers = yield* Effect.mapError(drillServers, failed)
  const receiver = yield* startReceiver
  const settings = { ...servers.environment, PUSH_WEBHOOK_URL: receiver.url, PORT: "0", ACK_WAIT_SECONDS }
  const api = yield* startPipeline({ ...settings, ROLE: "api" })
  const roles = options.name === "relay" ? ["worker", "relay", "relay"] : ["relay,worker", "relay,worker"]
  const others = yield* Effect.forEach(roles, (ROLE) => startPipeline({ ...settings, ROLE }))
  const victims = options.name === "relay" ? others.slice(1) : others
  const load = yield* Effect.forkChild(sendOrders(options, api.url))
  const disasters: Array<string> = []
  for (let cycle = 1; cycle <= options.cycles; cycle++) {
    yield* Effect.sleep(yield* Random.nextIntBetween(breatherMs.minimum, breatherMs.maximum))
    const what = yield* strike(options, servers, victims)
    disasters.push(what)
    yield* options.say(`${cycle}/${options.cycles}  ${what}  ${receiver.received.first.size} effects so far`)
  }
  const simulated = yield* Fiber.join(load)
  yield* options.say("the load is through; auditing")
  const audit = yield* settledAudit(servers.config)
  const pushes = judge(committedOf([...receiver.received.first.values()]), [...receiver.received.first.values()])
  const result: DrillResult = {
    ...sumOf(audit, [simulated.judgement, pushes]),
    repeated: receiver.received.repeated,
    disasters,
    audit
  }
  return simulated.pointsWrong > 0 ? { ...result, ok: false } : result
})

const failed = (error: unknown) => new CommandFailed({ message: reasonOf(error), code: exitCode.failure })

const strike = Effect.fnUntraced(function* (
  { blow, down, name }: DrillOptions,
  servers: DrillServers,
  victims: ReadonlyArray<PipelineProcess>
) {
  if (name === "broker" || name === "postgres") {
    const server = name === "broker" ? servers.nats : servers.postgres
    yield* server.kill
    yield* Effect.sleep(down)
    yield* Effect.mapError(server.start, failed)
    return `${name} killed, ${Duration.toSeconds(down)} s down, started again`
  }
  const some = yield* Random.nextIntBetween(0, victims.length - 1)
  const leader = name === "relay" ? yield* leaderOf(servers.config, victims) : -1
  const at = leader < 0 ? some : leader
  const victim = victims[at]
  if (victim === undefined) return "nobody to strike"
  const what = blow ?? blows[yield* Random.nextIntBetween(0, blows.length - 1)] ?? "kill"
  if (what === "kill") {
    yield* victim.restart
    return `${name} ${at + 1} killed and started again`
  }
  const ms = yield* Random.nextIntBetween(sleepMs[what].minimum, sleepMs[what].maximum)
  yield* victim.freeze(ms)
  return `${name} ${at + 1} frozen for ${(ms / 1_000).toFixed(1)} s`
})

/** Which of them leads the relay, waited for a while: the one whose lease it is. */
const leaderOf = (config: AppConfigValues, relays: ReadonlyArray<PipelineProcess>) =>
  RelayStore.pipe(
    Effect.flatMap((store) => store.leader(Orders.name)),
    Effect.map((id) => relays.findIndex((one) => one.instanceId() === id)),
    Effect.repeat({
      until: (at) => at >= 0,
      schedule: Schedule.spaced("200 millis").pipe(Schedule.upTo({ duration: "10 seconds" }))
    }),
    Effect.provide(pipelineInfra(config, () => Effect.void)),
    Effect.mapError(failed)
  )

/** As many orders as it takes, spread over the time the disasters take. */
const sendOrders = (options: DrillOptions, url: string) => {
  const seconds =
    options.cycles *
    (4 +
      (options.name === "worker" || options.name === "relay"
        ? options.blow === "zombie"
          ? 5.5
          : 2.5
        : Duration.toSeconds(options.down)))
  const orders = Math.ceil(options.events / eventsPerOrder)
  const progress: Progress = { started: 0, finished: 0, retries: 0, commandMs: [], createMs: [] }
  const simulation = {
    orders,
    ratePerSecond: Math.max(1, Math.ceil(orders / Math.max(1, seconds))),
    keys: Math.max(20, Math.ceil(orders / 500)),
    pause: Duration.millis(300),
    patience: Duration.sum(options.down, Duration.seconds(90))
  }
  return runSimulation(url, simulation, progress).pipe(Effect.scoped, withApi(url))
}

/** Audits in a row without any progress after which what is on its way counts as lost; one a second. */
const idleAuditsMax = 60

/** Until nothing is on its way any more, or nothing moves any more. */
const settledAudit = (config: AppConfigValues) =>
  Effect.gen(function* () {
    let idleAudits = 0
    let before = Number.POSITIVE_INFINITY
    const isOver = ({ again, handlers, waiting }: AuditReport) => {
      const left = handlers.reduce((sum, { inFlight }) => sum + inFlight, waiting + again)
      idleAudits = left < before ? 0 : idleAudits + 1
      before = left
      return left === 0 || idleAudits >= idleAuditsMax
    }
    return yield* Effect.repeat(runAudit(Orders.name), { until: isOver, schedule: Schedule.spaced("1 second") })
  }).pipe(Effect.provide(pipelineInfra(config, () => Effect.void)), Effect.mapError(failed))

const committedOf = (effects: ReadonlyArray<{ readonly key: string; readonly version: number }>) => {
  const committed = new Map<string, number>()
  for (const { key, version } of effects) committed.set(key, Math.max(version, committed.get(key) ?? 0))
  return committed
}

const sumOf = (audit: AuditReport, judgements: ReadonlyArray<Judgement>) => {
  const sum = (count: (of: Judgement) => number) => judgements.reduce((total, of) => total + count(of), 0)
  const inFlight = audit.handlers.reduce((total, of) => total + of.inFlight, audit.waiting)
  const fault = (kind: string) => audit.faults.filter((one) => one.kind.includes(kind)).length
  const lost = sum((of) => of.lost) + fault("lost") + fault("missing") + inFlight
  const outOfOrder = sum((of) => of.outOfOrder) + fault("order")
  const duplicated = sum((of) => of.duplicated + of.phantom) + fault("twice") + fault("never committed")
  return { ok: audit.ok && lost + outOfOrder + duplicated === 0, events: audit.committed, lost, outOfOrder, duplicated }
}

/** The seed makes the same disasters at the same times; what they hit is up to the machine. */
export const seeded = <A, E, R>(seed: Option.Option<number>, effect: Effect.Effect<A, E, R>) =>
  Option.match(seed, { onNone: () => effect, onSome: (value) => Random.withSeed(effect, value) })
