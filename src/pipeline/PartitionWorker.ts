import { Cause, Clock, Effect, Latch, Queue, Schedule, type Scope, Semaphore, Stream } from "effect"
import { type AsideRunner, makeAsideRunner } from "./AsideRunner.ts"
import { openBalanced } from "./BalancedPartition.ts"
import { type Careful, carefree, makeCareful } from "./Careful.ts"
import type { StoredEvent } from "./Envelope.ts"
import { EventLog } from "./EventLog.ts"
import { makeExternalRunner } from "./ExternalRunner.ts"
import { withPause } from "./HandlerGate.ts"
import { Inbox, type InboxCommit } from "./Inbox.ts"
import { type Lane, Lanes } from "./Lanes.ts"
import { type Claim, Ownership } from "./Ownership.ts"
import {
  type HandlerUnit,
  type Opening,
  type OwnedPartition,
  type ParkingNews,
  refused,
  whenRestarted,
  type WorkerOptions
} from "./PartitionOpening.ts"
import { makePause } from "./Pause.ts"
import { BrokerUnavailable, DeliveryInterrupted, LeaseLost } from "./PipelineError.ts"
import type { Runner, RunnerContext } from "./Runner.ts"
import { signal } from "./Signals.ts"
import { makeTransactionalRunner } from "./TransactionalRunner.ts"

/** Events in hand per partition and handler, from delivery to commit; the broker delivers no more than that. */
export const windowEventsMax = 1_000

/** Pauses between two openings of a partition that breaks off. */
const reopenSchedule = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("2 seconds")]).pipe(
  Schedule.jittered
)

/**
 * Works one partition for one handler under one claim, until it is stopped or the claim is lost.
 *
 * Delivery semantics: there is one recovery path. Whatever breaks (deliveries, store, broker), everything in hand is
 * forgotten, the cursor is read again under the epoch, and the partition is opened anew behind it. What had been
 * committed comes back as duplicates and is skipped.
 */
export const makePartitionWorker = Effect.fnUntraced(function* <E>(
  options: WorkerOptions,
  unit: HandlerUnit<E>,
  claim: Claim
) {
  const stopping = yield* Latch.make(false)
  const restarts = yield* Queue.sliding<void>(1)
  const pause = yield* makePause
  const gate = withPause(unit.gate, pause)
  let cursor = claim.cursor
  let opening = claim.opening
  let generation = 0
  let isStopping = false
  let brokerAwaySince: bigint | undefined
  let isCareful = claim.abandoned === true
  // Set while it is open. Between two openings nobody is woken: what is due is found again.
  let wake: AsideRunner["wake"] | undefined
  let inHand: Lanes | undefined

  const moved = (to: number, openedAs = opening) => ([cursor, opening] = [to, openedAs])
  const opened = (aside: AsideRunner, lanes?: Lanes) =>
    Effect.acquireRelease(
      Effect.sync(() => ([wake, inHand, brokerAwaySince] = [aside.wake, lanes, undefined])),
      () => Effect.sync(() => ([wake, inHand] = [undefined, undefined]))
    )
  const once = Effect.suspend(() => {
    generation += 1
    const trusted = () => (isCareful = false)
    const openIt = unit.handler.delivery === "balanced" ? openBalanced : openOnce
    return openIt(options, unit, claim, { generation, stopping, restarts, gate, opened, moved, isCareful, trusted })
  })
  const noteAway = (failure: unknown) =>
    Effect.map(Clock.monotonicTimeNanos, (now) => {
      brokerAwaySince = failure instanceof BrokerUnavailable ? (brokerAwaySince ?? now) : undefined
    })
  const said = Effect.tapCause(Effect.scoped(once), (cause) => interrupted(claim, cause))
  const working = again(Effect.tapError(said, noteAway), () => isStopping)
  // What is open drains; between two openings there is nothing to drain.
  const stoppedBetween = stopping.await.pipe(
    Effect.andThen(Effect.suspend(() => (wake === undefined ? Effect.void : Effect.never)))
  )
  const run = Effect.raceFirst(working, stoppedBetween)
  const stop = Effect.suspend(() => {
    isStopping = true
    return Effect.asVoid(stopping.open)
  })
  const owned: OwnedPartition = {
    claim,
    cursor: () => cursor,
    opening: () => opening,
    isOpen: () => wake !== undefined,
    brokerAwaySince: () => brokerAwaySince,
    restart: Queue.offer(restarts, undefined).pipe(Effect.asVoid),
    wake: (key) => wake?.(key),
    pause: pause.set,
    status: () => statusOf(inHand),
    stop
  }
  return { owned, run }
})

/** Opens it anew whenever it breaks off, until it is lost or stopped. */
const again = <E, R>(opening: Effect.Effect<void, E, R>, isStopping: () => boolean) =>
  Effect.retry(opening, ($) =>
    $(reopenSchedule).pipe(Schedule.while(({ input }) => !(input instanceof LeaseLost) && !isStopping()))
  )

const openOnce = Effect.fnUntraced(function* <E>(
  options: WorkerOptions,
  unit: HandlerUnit<E>,
  claim: Claim,
  opening: Opening
) {
  const { handler } = unit
  const ownership = yield* Ownership
  const log = yield* EventLog
  const open = yield* ownership.open(claim)
  const { cursor } = open
  opening.moved(cursor, open.opening)
  yield* Queue.clear(opening.restarts)
  const { generation } = opening
  const { epoch, partition } = claim
  const from = { handler: handler.name, partition, epoch, generation, afterSeq: cursor }
  const subscription = yield* log.open(options.declaration, from)
  const ready = yield* Queue.unbounded<Lane>()
  const careful = opening.isCareful
    ? yield* makeCareful(open, { eventsMax: windowEventsMax, suspicion: options.suspicion, done: opening.trusted })
    : carefree
  const lanes = new Lanes(handler, cursor, (lane) => Queue.offerUnsafe(ready, lane), careful.suspicionOf)
  const room = yield* Latch.make(true)
  const committed = makeCommitted(
    { lanes, room, careful, parking: options.parking },
    subscription.acknowledge,
    opening.moved
  )
  const { instance, suspicion } = options
  const { gate } = opening
  const draining = yield* Latch.make(false)
  const shared = { claim: open, instance, handler, lanes, gate, careful, suspicion, draining }
  const context: RunnerContext<E> = { ...shared, ready, committed }
  const runner = yield* makeRunner(options, unit, context)
  const intake = yield* Semaphore.make(1)
  const aside = yield* makeAsideRunner(context, { intake, slots: unit.asideSlots })
  yield* opening.opened(aside, lanes)
  const receive = subscription.events.pipe(Stream.runForEachArray((events) => accept(context, room, intake, events)))
  const ended = new DeliveryInterrupted({ partition, reason: "the subscription ended" })
  yield* Effect.raceAllFirst([
    receive.pipe(Effect.andThen(Effect.fail(ended))),
    runner.work.pipe(Effect.catchTag("LeaseLost", refused(partition))),
    aside.work.pipe(Effect.catchTag("LeaseLost", refused(partition))),
    whenRestarted(opening, partition),
    opening.stopping.await.pipe(
      Effect.andThen(draining.open),
      Effect.andThen(Effect.all([runner.drain, aside.drain], { concurrency: "unbounded", discard: true })),
      Effect.catchTag("LeaseLost", refused(partition))
    )
  ])
})

const makeRunner = <E>(
  options: WorkerOptions,
  unit: HandlerUnit<E>,
  context: RunnerContext<E>
): Effect.Effect<Runner, never, Scope.Scope> =>
  unit.handler.mode === "transactional"
    ? makeTransactionalRunner(context, unit.batchCommit)
    : makeExternalRunner(context, unit.slots, options.groupCommit)

/** What follows a commit: the window moves on, and the broker may deliver more. */
const makeCommitted = (
  { careful, lanes, parking, room }: { lanes: Lanes; room: Latch.Latch; careful: Careful; parking: ParkingNews },
  acknowledge: (seq: number) => Effect.Effect<void>,
  moved: (cursor: number) => void
) =>
  Effect.fnUntraced(function* (plan: InboxCommit) {
    const advanced = plan.cursorTo > lanes.cursor
    lanes.settle(plan)
    moved(plan.cursorTo)
    if (lanes.size < windowEventsMax) room.openUnsafe()
    if (advanced) yield* acknowledge(plan.cursorTo)
    if (advanced) yield* careful.passed(plan.cursorTo)
    if (plan.parked.length > 0) parking.changed = true
    yield* Effect.forEach(signalsOf(plan), signal, { discard: true })
  })

const accept = Effect.fnUntraced(function* <E>(
  context: RunnerContext<E>,
  room: Latch.Latch,
  intake: Semaphore.Semaphore,
  events: ReadonlyArray<StoredEvent>
) {
  yield* room.await
  yield* intake.withPermit(takeIn(context, events))
  // Looked at and closed in one step: a commit in between could have been the last one to open it.
  if (context.lanes.size >= windowEventsMax) room.closeUnsafe()
})

const takeIn = Effect.fnUntraced(function* <E>(context: RunnerContext<E>, events: ReadonlyArray<StoredEvent>) {
  const { claim, handler, lanes } = context
  const inbox = yield* Inbox
  const keys = lanes.unknownKeys(events)
  const progress = keys.length === 0 ? [] : yield* inbox.progress(claim.stream, handler.name, keys)
  progress.forEach((known, i) => lanes.open(keys[i] ?? "", known))
  const stray = events.find((event) => !lanes.accept(event))
  if (stray !== undefined) {
    const { partition } = claim
    return yield* new DeliveryInterrupted({
      partition,
      reason: `no progress was read for key ${JSON.stringify(stray.key)}`
    })
  }
})

const signalsOf = (plan: InboxCommit) => {
  const { handler, partition } = plan.claim
  const parked = plan.parked.flatMap(({ event, reason }) =>
    reason === undefined || reason.retryInMs !== undefined
      ? []
      : [{ _tag: "KeyParked" as const, handler, partition, key: event.key, version: event.version, reason }]
  )
  const violated = plan.violations.map(({ event, handledVersion }) => ({
    _tag: "OrderViolated" as const,
    handler,
    key: event.key,
    handledVersion,
    version: event.version
  }))
  return [...parked, ...violated]
}

const statusOf = (inHand: Lanes | undefined): ReturnType<OwnedPartition["status"]> => ({
  inHand: inHand?.size ?? 0,
  oldestAppendedAtMs: inHand?.oldestAppendedAtMs,
  oldestKeys: (keysMax) => inHand?.oldestKeys(keysMax) ?? []
})

const interrupted = (claim: Claim, cause: Cause.Cause<unknown>) => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.void
  const { epoch, handler, partition } = claim
  const failure = Cause.squash(cause)
  // The fiber ends with it; the heartbeat drops the partition, and somebody claims it anew when its lease runs out.
  if (Cause.hasDies(cause))
    return signal({ _tag: "DefectSurvived", where: `${handler}/${partition}`, detail: String(failure) })
  return failure instanceof LeaseLost
    ? signal({ _tag: "PartitionLost", handler, partition, epoch })
    : signal({ _tag: "PartitionInterrupted", handler, partition, detail: String(failure) })
}
