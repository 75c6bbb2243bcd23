import { Clock, Effect, Exit } from "effect"
import { appendedAtMsOf } from "../pipeline/EventTime.ts"
import type { LogDeclaration } from "../pipeline/EventLog.ts"
import type { BrokerRefused, BrokerUnavailable, StoreUnavailable } from "../pipeline/PipelineError.ts"
import { type LeaseFacts, type PipelineFacts, PipelineView } from "../pipeline/PipelineView.ts"
import { type ConsumerStats, type StreamStats, StreamView } from "../pipeline/StreamView.ts"
import { type Fault, type Lag, lagAt, lagBehind, lagLater, lagOf, reportsOf, type Sample } from "./Sample.ts"

/** How long a store may take to answer somebody who only looks. */
const answerMax = "3 seconds"

/** Partitions nobody reads that are asked about in one look: those never asked, and those asked longest ago. */
const newMax = 64
const againMax = 8

/** Reads both stores. What does not answer is taken from the sample before, and named. */
export const takeSample = Effect.fnUntraced(function* (
  declaration: LogDeclaration,
  before: Sample | undefined,
  outboxRowsMax: number
) {
  const view = yield* PipelineView
  const stream = yield* StreamView
  const { name } = declaration
  const read = Effect.all({ stats: stream.stats(name), consumers: stream.consumers(name) }, { concurrency: 2 })
  const [facts, broker] = yield* Effect.all(
    [
      Effect.exit(Effect.timeout(view.facts(name, outboxRowsMax), answerMax)),
      Effect.exit(Effect.timeout(read, answerMax))
    ],
    { concurrency: 2 }
  )
  const atMs = Math.round(yield* Clock.currentTimeMillis)
  const known = Exit.isSuccess(facts) ? facts.value : (before?.facts ?? nothingKnown(atMs))
  const lags = Exit.isSuccess(broker)
    ? yield* lagsOf(declaration, known, broker.value.consumers, before?.lags ?? new Map<string, Lag>())
    : (before?.lags ?? new Map<string, Lag>())
  const sample: Sample = {
    atMs,
    facts: known,
    stats: Exit.isSuccess(broker) ? broker.value.stats : (before?.stats ?? nothingStored),
    lags,
    reports: Exit.isSuccess(facts) ? reportsOf(known) : (before?.reports ?? new Map()),
    faults: [...faultOf("postgres", facts, before, atMs), ...faultOf("nats", broker, before, atMs)]
  }
  return sample
})

const faultOf = (
  what: Fault["what"],
  exit: Exit.Exit<unknown, Error>,
  before: Sample | undefined,
  nowMs: number
): ReadonlyArray<Fault> => {
  if (Exit.isSuccess(exit)) return []
  const sinceMs = before?.faults.find((fault) => fault.what === what)?.sinceMs ?? nowMs
  const error = exit.cause.reasons.flatMap((reason) => (reason._tag === "Fail" ? [reason.error.message] : []))
  return [{ what, sinceMs, why: error[0] ?? "it does not answer" }]
}

const nothingStored: StreamStats = { firstSeq: 0, lastSeq: 0, messages: 0, bytes: 0, bytesMax: -1 }

const nothingKnown = (nowMs: number): PipelineFacts => ({
  nowMs,
  partitions: 0,
  first: 0,
  wanted: undefined,
  outbox: { rows: 0, oldestMs: 0, heldKeys: 0 },
  relay: { leader: undefined, epoch: 0, lastSeq: 0 },
  leases: [],
  instances: [],
  aside: [],
  violations: new Map(),
  controls: []
})

/** By partition, what is not handled; for what nobody reads, the stream is asked behind the cursor. */
const lagsOf = Effect.fnUntraced(function* (
  declaration: LogDeclaration,
  facts: PipelineFacts,
  consumers: ReadonlyArray<ConsumerStats>,
  before: ReadonlyMap<string, Lag>
) {
  const ordered = facts.leases.filter(({ delivery }) => delivery === "ordered")
  const balanced = new Set(facts.leases.flatMap(({ delivery, handler }) => (delivery === "balanced" ? [handler] : [])))
  const read = new Map(consumers.map((one) => [lagAt(one.handler, one.partition), one]))
  const isRead = ({ handler, owner, partition }: LeaseFacts) =>
    owner !== undefined && read.has(lagAt(handler, partition))
  const unread = yield* unreadLags(
    declaration,
    ordered.filter((lease) => !isRead(lease)),
    facts.nowMs,
    before
  )
  const shared = yield* Effect.forEach(
    consumers.filter(({ handler, partition }) => partition === undefined && balanced.has(handler)),
    (one) => sharedLag(declaration, one, facts.nowMs)
  )
  const owned = ordered.flatMap((lease) => {
    const one = read.get(lagAt(lease.handler, lease.partition))
    return one === undefined || !isRead(lease)
      ? []
      : [[lagAt(lease.handler, lease.partition), lagOf(one, undefined, facts.nowMs)] as const]
  })
  return new Map<string, Lag>([...owned, ...unread, ...shared])
})

/** Each question takes the broker a consumer of its own, so they take turns; in between, what waits grows older. */
const unreadLags = (
  declaration: LogDeclaration,
  leases: ReadonlyArray<LeaseFacts>,
  nowMs: number,
  before: ReadonlyMap<string, Lag>
) =>
  Effect.gen(function* () {
    const stream = yield* StreamView
    const known = leases.map((lease) => ({ lease, last: before.get(lagAt(lease.handler, lease.partition)) }))
    const fresh = known.filter(({ last }) => last?.asked === undefined).slice(0, newMax)
    const old = known.flatMap(({ last, lease }) =>
      last?.asked === undefined ? [] : [{ lease, last, askedAtMs: last.asked.atMs }]
    )
    const again = old.toSorted((a, b) => a.askedAtMs - b.askedAtMs).slice(0, againMax)
    const asked = yield* Effect.forEach(
      [...fresh, ...again],
      ({ lease: { cursor, handler, partition } }) =>
        stream.behind(declaration, partition, cursor).pipe(
          Effect.map((behind) => [[lagAt(handler, partition), lagBehind(behind, nowMs)] as const]),
          orNothing
        ),
      { concurrency: 8 }
    )
    const kept = old.map(({ last, lease }) => [lagAt(lease.handler, lease.partition), lagLater(last, nowMs)] as const)
    return [...kept, ...asked.flat()]
  })

/** A balanced handler's oldest event is the first behind the floor of its consumer, or near it. */
const sharedLag = Effect.fnUntraced(function* (declaration: LogDeclaration, one: ConsumerStats, nowMs: number) {
  const stream = yield* StreamView
  const isBehind = one.pending + one.inHand > 0
  const range = { fromSeq: one.floor + 1, eventsMax: 1, payloads: false }
  const [oldest] = isBehind ? yield* orNothing(stream.read(declaration, range)) : []
  const appendedAtMs = oldest === undefined ? undefined : appendedAtMsOf(oldest.eventId) || oldest.storedAtMs
  return [lagAt(one.handler), lagOf(one, appendedAtMs, nowMs)] as const
})

const orNothing = <A>(
  asked: Effect.Effect<ReadonlyArray<A>, BrokerRefused | BrokerUnavailable | StoreUnavailable>
): Effect.Effect<ReadonlyArray<A>> => Effect.orElseSucceed(asked, (): ReadonlyArray<A> => [])
