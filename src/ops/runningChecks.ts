import { Duration, Effect } from "effect"
import { type Check, check, type CheckResult, failed, ok, warning } from "../pipeline/Check.ts"
import type { ControlEntry } from "../pipeline/ControlDesk.ts"
import { type LeaseFacts, type PipelineFacts, PipelineView } from "../pipeline/PipelineView.ts"
import { StreamView } from "../pipeline/StreamView.ts"

/** What is looked at, and the limits it is held against. */
export interface RunningOptions {
  readonly stream: string
  /** Beyond this age of what waits in the outbox, commands are refused. */
  readonly backlogAgeMax: Duration.Duration
  /** How the commands of its command line begin. */
  readonly command: string
}

/** Rows of the outbox that are counted. */
const rowsMax = 10_000

/** An outbox is emptied within milliseconds; what waits for longer than this waits for something. */
const outboxAgeMax = Duration.seconds(10)

const storeRemedy = ({ command }: RunningOptions) =>
  `check that Postgres answers (\`${command} doctor\` where the pipeline runs)`

/** What the store says of the pipeline's state, whether one runs now or not. */
export const storeChecks = (options: RunningOptions): Effect.Effect<ReadonlyArray<Check>, never, PipelineView> =>
  Effect.gen(function* () {
    const facts = yield* factsOf(options)
    const onFacts = (name: string, result: (facts: PipelineFacts) => CheckResult) =>
      check(name, storeRemedy(options), Effect.map(facts, result))
    return [
      onFacts("outbox", (found) => outboxResult(found, options)),
      onFacts("parked keys", (found) => parkedResult(found, options)),
      onFacts("order", (found) => orderResult(found, options))
    ]
  })

/** What a running pipeline says of itself. They only look, at ports that any pipeline has. */
export const runningChecks = (
  options: RunningOptions
): Effect.Effect<ReadonlyArray<Check>, never, PipelineView | StreamView> =>
  Effect.gen(function* () {
    const facts = yield* factsOf(options)
    const view = yield* StreamView
    const onFacts = (name: string, result: (facts: PipelineFacts) => CheckResult) =>
      check(name, storeRemedy(options), Effect.map(facts, result))
    return [
      ...(yield* storeChecks(options)),
      onFacts("relay", relayResult),
      onFacts("partitions", (found) => partitionsResult(found, options)),
      onFacts("controls", controlsResult),
      check("stream size", "check that NATS answers", Effect.map(view.stats(options.stream), streamResult))
    ]
  })

/** One statement for all checks that are made together. */
const factsOf = ({ stream }: RunningOptions) =>
  Effect.flatMap(PipelineView, (view) => Effect.cachedWithTTL(view.facts(stream, rowsMax), "1 second"))

const seconds = (ms: number) => `${Math.round(ms / 1_000)} s`

const outboxResult = ({ outbox }: PipelineFacts, { backlogAgeMax, command }: RunningOptions) => {
  const { heldKeys, oldestMs, rows } = outbox
  const count = `${rows}${rows === rowsMax ? " or more" : ""}`
  const said = rows === 0 ? "empty" : `${count} events wait, the oldest for ${seconds(oldestMs)}`
  const remedy = `look at the relay: \`${command} lag\`, and its log; the broker may be away, full, or refuse batches`
  if (oldestMs > Duration.toMillis(backlogAgeMax)) return failed(`${said}: commands are refused`, remedy)
  if (oldestMs > Duration.toMillis(outboxAgeMax)) return warning(said, remedy)
  return heldKeys === 0
    ? ok(said)
    : warning(
        `${said}; ${heldKeys} keys are held back`,
        "an event of each is larger than the server's max_payload: raise it, and start the relay again"
      )
}

const parkedResult = ({ aside }: PipelineFacts, { command }: RunningOptions) => {
  const parked = aside.filter(({ parkedKeys }) => parkedKeys > 0)
  const said = parked.map(({ handler, parkedKeys }) => `${handler} ${parkedKeys}`).join(", ")
  return parked.length === 0
    ? ok("none")
    : warning(said, `\`${command} parked list\`, then \`parked show\`; mend the cause, and \`parked replay\``)
}

const orderResult = ({ violations }: PipelineFacts, { command }: RunningOptions) => {
  const violated = [...violations].filter(([, count]) => count > 0)
  return violated.length === 0
    ? ok("no violation is open")
    : failed(
        `order violations: ${violated.map(([handler, count]) => `${handler} ${count}`).join(", ")}`,
        `\`${command} violations list\` names them; find the cause, mend their keys, and \`violations acknowledge\``
      )
}

const relayResult = ({ relay }: PipelineFacts) =>
  relay.leader === undefined
    ? failed("nobody leads it: what is committed waits in the outbox", "start a process with the role relay")
    : ok(`led by ${relay.leader}, epoch ${relay.epoch}, published up to ${relay.lastSeq}`)

const partitionsResult = ({ leases }: PipelineFacts, { command }: RunningOptions) => {
  const unowned = leases.filter(({ owner }) => owner === undefined)
  return unowned.length === 0
    ? ok(`all ${leases.length} are owned`)
    : warning(
        `nobody has ${describe(unowned)}`,
        `start a process with the role worker, or look why none takes them: \`${command} instances\`, \`undrain\``
      )
}

const describe = (leases: ReadonlyArray<LeaseFacts>) =>
  [...Map.groupBy(leases, ({ handler }) => handler)]
    .map(([handler, mine]) => `${mine.length} partitions of ${handler}`)
    .join(", ")

const controlsResult = ({ controls }: PipelineFacts) =>
  controls.length === 0
    ? ok("nothing is paused, throttled or drained")
    : warning(
        controls.map(controlText).join("; "),
        "take it back when it is no longer wanted: `resume`, `throttle … off`, `undrain`"
      )

const controlText = ({ actor, draining, handler, instance, partition, paused, perSecond, why }: ControlEntry) => {
  const target = instance ?? [handler ?? "everything", ...(partition === undefined ? [] : [partition])].join(" ")
  const acts = [
    ...(paused ? ["paused"] : []),
    ...(perSecond === undefined ? [] : [`throttled to ${perSecond} a second`]),
    ...(draining ? ["drained"] : [])
  ]
  return `${target} is ${acts.join(" and ")} by ${actor}${why === "" ? "" : ` (${why})`}`
}

const streamResult = ({ bytes, bytesMax, messages }: { bytes: number; bytesMax: number; messages: number }) => {
  if (bytesMax <= 0) return ok(`${messages} events, no limit`)
  const share = Math.round((bytes / bytesMax) * 100)
  const said = `${messages} events, ${share} % of what it may hold`
  return share >= 80
    ? warning(
        said,
        "raise STREAM_MAX_BYTES (`maxBytes` of NatsPipeline) and the stream's max_bytes before it is full and events wait in the outbox"
      )
    : ok(said)
}
