import { Clock, Duration, Effect, Fiber, FiberMap, Option, Queue, Schedule, Semaphore, Stream } from "effect"
import { watchAside } from "./AsideWatch.ts"
import { type BalancedOptions, makeBalancedWorker } from "./BalancedWorker.ts"
import { makeBatchCommit } from "./BatchCommit.ts"
import { EventLog, type LogDeclaration } from "./EventLog.ts"
import { makeGroupCommit } from "./GroupCommit.ts"
import type { Handler } from "./Handler.ts"
import { makeHandlerGate } from "./HandlerGate.ts"
import { keepGoing } from "./keepGoing.ts"
import { type Claim, type Heartbeat, type Instance, Ownership } from "./Ownership.ts"
import type { HandlerUnit } from "./PartitionOpening.ts"
import { makePartitionWorker } from "./PartitionWorker.ts"
import type { StoreUnavailable } from "./PipelineError.ts"
import {
  endUnproven,
  giveUpWithoutBroker,
  keyOf,
  proofLookEvery,
  type Share,
  shouldOwn,
  type Working
} from "./Share.ts"
import { makeSuspicion } from "./Suspicion.ts"
import { signal } from "./Signals.ts"

/** How an instance keeps its share. */
export interface ConsumerOptions {
  /** How often it shows itself alive and renews; a third of the lease at most. */
  readonly heartbeatEvery: Duration.Duration
  /** Transactions at the same time of one transactional handler, in this process. */
  readonly transactionsMax: number
  /** How long a stopping partition may take to finish what is in hand. */
  readonly drainMax: Duration.Duration
  /**
   * Balanced handlers: how long an event may be in the hands of an instance that is not heard of before another one gets
   * it. Much shorter than an attempt may take is fine: what is worked on is kept.
   */
  readonly ackWait: Duration.Duration
  /** Events of one handler that may be put aside, and of one key. With more it is paused, until there are fewer. */
  readonly parkedEventsMax: number
  readonly parkedEventsOfKeyMax: number
}

/** 1 s, 1, 20 s, 30 s, 100,000 and 10,000. */
export const consumerOptionsDefault: ConsumerOptions = {
  heartbeatEvery: Duration.seconds(1),
  transactionsMax: 1,
  drainMax: Duration.seconds(20),
  ackWait: Duration.seconds(30),
  parkedEventsMax: 100_000,
  parkedEventsOfKeyMax: 10_000
}

/** Keys put aside that one instance tries at the same time, for each handler. */
export const asideKeysAtOnceMax = 8

/** Between two beats at least, however slow the store. */
const minPause = Duration.millis(50)

/** The doorbell that makes all instances look at their shares. */
export const rebalanceDoorbell = (stream: string) => `${stream}.rebalance`

/**
 * Runs this instance's share of the handlers' partitions: claims what rendezvous gives it, works it, and gives up what
 * it no longer should own. Ends with its scope: finishes what is in hand, commits, releases.
 *
 * Delivery semantics: at most one instance commits for a partition, proved by its epoch in every commit. A share moves
 * to the others within the lease's time after a crash, and at once after a planned stop.
 */
export const runConsumers = Effect.fnUntraced(function* <E>(
  declaration: LogDeclaration,
  handlers: ReadonlyArray<Handler<E>>,
  instance: Instance,
  options: ConsumerOptions
) {
  const log = yield* EventLog
  const stream = declaration.name
  const share = yield* makeShare(declaration, handlers, instance, options)
  const rung = yield* Queue.sliding<void>(1)
  yield* log.rings(rebalanceDoorbell(stream)).pipe(
    Stream.runForEach(() => Queue.offer(rung, undefined)),
    Effect.forkScoped
  )
  // At a fixed rate, counted from the sending: answers of a slow store must not eat the proof they bring.
  const beatOnce = Effect.timed(tick(share)).pipe(
    Effect.flatMap(([took]) =>
      Effect.timeoutOption(Queue.take(rung), Duration.max(minPause, Duration.subtract(options.heartbeatEvery, took)))
    )
  )
  const balanced = yield* Effect.forEach(
    [...share.units.values()].filter(({ handler }) => handler.delivery === "balanced"),
    (unit) => makeBalancedWorker(balancedOptions(share, unit, options), unit)
  )
  share.balanced.push(...balanced)
  // Together: both may take as long as a drain does.
  yield* Effect.addFinalizer(() =>
    Effect.all([leave(share), ...balanced.map(({ drain }) => drain)], { concurrency: "unbounded", discard: true })
  )
  yield* log.ring(rebalanceDoorbell(stream))
  yield* keepGoing("heartbeat", beatOnce).pipe(Effect.forkScoped)
  yield* watchAside(share, options)
  yield* keepGoing("watchdog", Effect.andThen(Effect.sleep(proofLookEvery), endUnproven(share))).pipe(Effect.forkScoped)
  return { ownedPartitions: () => share.working.size }
})

const makeShare = Effect.fnUntraced(function* <E>(
  declaration: LogDeclaration,
  handlers: ReadonlyArray<Handler<E>>,
  instance: Instance,
  options: ConsumerOptions
) {
  const units = yield* Effect.forEach(handlers, (handler) => makeUnit(handler, options.transactionsMax))
  const parking = { changed: true }
  const share: Share<E> = {
    stream: declaration.name,
    instance,
    workerOptions: {
      declaration,
      instance: instance.id,
      groupCommit: yield* makeGroupCommit(),
      suspicion: makeSuspicion(),
      parking
    },
    units: new Map(units.map((unit) => [unit.handler.name, unit])),
    fibers: yield* FiberMap.make<string, void, unknown>(),
    working: new Map(),
    balanced: [],
    draining: new Map(),
    scope: yield* Effect.scope,
    drainMax: options.drainMax,
    parking,
    rewinds: 0,
    beats: 0,
    asideDue: true,
    failing: false,
    cutOff: false,
    provenAt: 0n
  }
  return share
})

const balancedOptions = <E>(
  share: Share<E>,
  { handler }: HandlerUnit<E>,
  { ackWait, drainMax, transactionsMax }: ConsumerOptions
): BalancedOptions => ({
  ...share.workerOptions,
  transactionsMax,
  drainMax,
  ackWait,
  beaten: () => ({ rewinds: share.rewinds, beats: share.beats }),
  claim: () => {
    const owned = share.working.get(keyOf({ handler: handler.name, partition: 0 }))?.owned
    return owned && { ...owned.claim, opening: owned.opening() }
  }
})

const makeUnit = Effect.fnUntraced(function* <E>(handler: Handler<E>, transactionsMax: number) {
  const batchCommit = yield* makeBatchCommit(handler, transactionsMax)
  const slots = yield* Semaphore.make(handler.keysAtOnceMax)
  const asideSlots = yield* Semaphore.make(Math.min(handler.keysAtOnceMax, asideKeysAtOnceMax))
  const gate = yield* makeHandlerGate(handler)
  return { handler, batchCommit, gate, slots, asideSlots } satisfies HandlerUnit<E>
})

const start = Effect.fnUntraced(function* <E>(share: Share<E>, claim: Claim) {
  const unit = share.units.get(claim.handler)
  if (unit === undefined) return
  const worker = yield* makePartitionWorker(share.workerOptions, unit, claim)
  const fiber = yield* FiberMap.run(share.fibers, `${keyOf(claim)}/${claim.epoch}`, worker.run)
  share.working.set(keyOf(claim), { owned: worker.owned, fiber })
})

const drop = Effect.fnUntraced(function* <E>(share: Share<E>, lost: Working) {
  const { epoch, handler, partition } = lost.owned.claim
  share.working.delete(keyOf(lost.owned.claim))
  if (lost.fiber.pollUnsafe() !== undefined) return
  yield* signal({ _tag: "PartitionLost", handler, partition, epoch })
  // Not waited for: it may take a while to let go of a broker that is away, and the next beat proves all the others.
  lost.fiber.interruptUnsafe()
})

// A cursor below what this worker knew before the question was asked, or an opening that is not its own: the stream was
// rewound under it.
const compare = Effect.fnUntraced(function* <E>(
  share: Share<E>,
  asked: ReadonlyArray<readonly [Working, number]>,
  beat: Heartbeat
) {
  const renewed = new Map(beat.renewed.map((claim) => [keyOf(claim), claim]))
  const one = ([worker, before]: readonly [Working, number]) => {
    const claim = renewed.get(keyOf(worker.owned.claim))
    if (claim === undefined || worker.fiber.pollUnsafe() !== undefined) return drop(share, worker)
    const isVoid = claim.cursor < before || claim.opening > worker.owned.opening()
    return isVoid ? worker.owned.restart : Effect.void
  }
  // Together: each may take a while to let go of a broker that is away, and the next beat waits for all.
  yield* Effect.forEach(asked, one, { concurrency: "unbounded", discard: true })
})

const claimFree = Effect.fnUntraced(function* <E>(share: Share<E>, beat: Heartbeat) {
  const ownership = yield* Ownership
  const { instance, stream, working } = share
  const wanted = beat.free.filter(
    (at) => !working.has(keyOf(at)) && !share.draining.has(keyOf(at)) && shouldOwn(instance, at, beat.live)
  )
  if (wanted.length === 0) return
  const claims = yield* ownership.claim(stream, instance.id, wanted)
  yield* Effect.forEach(claims, (claim) => start(share, claim), { discard: true })
  if (claims.length > 0) yield* signal({ _tag: "PartitionsClaimed", stream, count: claims.length, owned: working.size })
})

const giveUp = Effect.fnUntraced(function* <E>(share: Share<E>, surplus: ReadonlyArray<Working>) {
  const { draining, scope, stream, working } = share
  if (surplus.length === 0) return
  for (const one of surplus) {
    working.delete(keyOf(one.owned.claim))
    draining.set(keyOf(one.owned.claim), one)
  }
  yield* Effect.forEach(surplus, (one) => Effect.forkIn(retire(share, one), scope), { discard: true })
  yield* signal({ _tag: "PartitionsReleased", stream, count: surplus.length, owned: working.size })
})

/** Finishes, gives the lease back, and tells the others. What cannot be given back now runs out by itself. */
const retire = Effect.fnUntraced(function* <E>(share: Share<E>, one: Working) {
  const ownership = yield* Ownership
  const log = yield* EventLog
  yield* finish(one, share.drainMax)
  yield* Effect.ignore(ownership.release([one.owned.claim]))
  share.draining.delete(keyOf(one.owned.claim))
  yield* log.ring(rebalanceDoorbell(share.stream))
})

const exchange = Effect.fnUntraced(function* <E>(share: Share<E>) {
  const ownership = yield* Ownership
  const { instance, stream, working } = share
  yield* giveUpWithoutBroker(share)
  // What has ended by itself is not renewed, or it would be nobody's for as long as a lease lasts.
  for (const [at, { fiber }] of working) if (fiber.pollUnsafe() !== undefined) working.delete(at)
  const sentAt = yield* Clock.monotonicTimeNanos
  const asked = [...working.values()].map((worker) => [worker, worker.owned.cursor()] as const)
  const beat = yield* ownership.beat(stream, instance, share.cutOff ? [] : [...share.units.keys()], [
    ...asked.map(([worker]) => worker.owned.claim),
    ...drainingClaims(share)
  ])
  share.provenAt = sentAt
  share.rewinds = beat.rewinds
  share.beats += 1
  share.asideDue = beat.asideDue
  yield* compare(share, asked, beat)
  yield* claimFree(share, beat)
  yield* giveUp(
    share,
    [...working.values()].filter(({ owned }) => !shouldOwn(instance, owned.claim, beat.live))
  )
  if (share.failing) yield* signal({ _tag: "HeartbeatRecovered", stream })
  share.failing = false
})

const tick = <E>(share: Share<E>) => Effect.catch(exchange(share), (error) => sayFailing(share, error))

const sayFailing = <E>(share: Share<E>, error: StoreUnavailable) => {
  if (share.failing) return Effect.void
  share.failing = true
  return signal({ _tag: "HeartbeatFailed", stream: share.stream, detail: error.message })
}

// What cannot be given back now runs out by itself.
const leave = <E>(share: Share<E>) => Effect.ignore(farewell(share))

const farewell = Effect.fnUntraced(function* <E>(share: Share<E>) {
  const ownership = yield* Ownership
  const log = yield* EventLog
  const all = [...share.working.values(), ...share.draining.values()]
  for (const one of all) share.draining.set(keyOf(one.owned.claim), one)
  share.working.clear()
  const renewing = Effect.suspend(() => ownership.renew(drainingClaims(share))).pipe(
    Effect.ignore,
    Effect.repeat(Schedule.spaced("1 second"))
  )
  const retiring = Effect.forEach(all, (one) => retire(share, one), { concurrency: "unbounded", discard: true })
  yield* Effect.raceFirst(retiring, Effect.andThen(renewing, Effect.never))
  yield* ownership.leave(share.stream, share.instance)
  yield* log.ring(rebalanceDoorbell(share.stream))
})

const drainingClaims = <E>(share: Share<E>) => [...share.draining.values()].map((one) => one.owned.claim)

const finish = Effect.fnUntraced(function* (worker: Working, drainMax: Duration.Duration) {
  yield* worker.owned.stop
  const ended = yield* Fiber.await(worker.fiber).pipe(Effect.timeoutOption(drainMax))
  if (Option.isNone(ended)) yield* Fiber.interrupt(worker.fiber)
})
