import { Clock, Duration, Effect, Fiber, FiberMap, Option, Queue, Schedule, Stream } from "effect"
import { watchAside } from "./AsideWatch.ts"
import type { ConsumerOptions } from "./ConsumerOptions.ts"
import { isDraining, isPaused } from "./Control.ts"
import { rebalanceDoorbell } from "./Doorbell.ts"
import { EventLog, type LogDeclaration } from "./EventLog.ts"
import type { Handler } from "./Handler.ts"
import { keepGoing } from "./keepGoing.ts"
import { makeShare } from "./makeShare.ts"
import { type Claim, type Heartbeat, type Instance, Ownership } from "./Ownership.ts"
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
import { followControls, leaveBalanced, reportOf, takePartInBalanced } from "./ShareControl.ts"
import { signal } from "./Signals.ts"

/**
 * Partitions that are opened at a time. Hundreds at once, each with a consumer and some statements, keep an instance and its
 * servers so busy that what it has cannot be renewed in time.
 */
const openedAtOnceMax = 128

/** Beats after which one that is still not open is no reason to wait: something keeps it from opening, and not the others. */
const openingBeatsMax = 25

/** How long a portion of them gets before the next is looked at. */
const portionPause = Duration.millis(200)

/** Between two beats at least, however slow the store. */
const minPause = Duration.millis(50)

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
  const beatOnce = Effect.timed(tick(share, options)).pipe(
    Effect.flatMap(([took]) =>
      Effect.timeoutOption(
        Queue.take(rung),
        share.hasMore ? portionPause : Duration.max(minPause, Duration.subtract(options.heartbeatEvery, took))
      )
    )
  )
  yield* takePartInBalanced(share, options)
  // Together: both may take as long as a drain does.
  yield* Effect.addFinalizer(() =>
    Effect.all([leave(share), leaveBalanced(share)], {
      concurrency: "unbounded",
      discard: true
    })
  )
  yield* log.ring(rebalanceDoorbell(stream))
  yield* keepGoing("heartbeat", beatOnce).pipe(Effect.forkScoped)
  yield* watchAside(share, options)
  yield* keepGoing("watchdog", Effect.andThen(Effect.sleep(proofLookEvery), endUnproven(share))).pipe(Effect.forkScoped)
  return { ownedPartitions: () => share.working.size }
})

const start = Effect.fnUntraced(function* <E>(share: Share<E>, claim: Claim) {
  const unit = share.units.get(claim.handler)
  if (unit === undefined) return
  const worker = yield* makePartitionWorker(share.workerOptions, unit, claim)
  yield* worker.owned.pause(isPaused(share.controls, claim.handler, claim.partition))
  const fiber = yield* FiberMap.run(share.fibers, `${keyOf(claim)}/${claim.epoch}`, worker.run)
  share.working.set(keyOf(claim), { owned: worker.owned, fiber, claimedAt: share.beats })
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
  const isOpening = ({ claimedAt, owned }: Working) => !owned.isOpen() && share.beats - claimedAt < openingBeatsMax
  const opening = [...working.values()].filter(isOpening).length
  const portion = wanted.slice(0, Math.max(0, openedAtOnceMax - opening))
  share.hasMore = portion.length < wanted.length
  if (portion.length === 0) return
  const claims = yield* ownership.claim(stream, instance.id, portion)
  yield* Effect.forEach(claims, (claim) => start(share, claim), { discard: true })
  if (claims.length > 0) yield* signal({ _tag: "PartitionsClaimed", stream, count: claims.length, owned: working.size })
})

/** What is given up together is given back together: nobody can begin with one before all are back. */
const giveUp = Effect.fnUntraced(function* <E>(share: Share<E>, groups: ReadonlyArray<ReadonlyArray<Working>>) {
  const { draining, scope, stream, working } = share
  const surplus = groups.flat()
  if (surplus.length === 0) return
  for (const one of surplus) {
    working.delete(keyOf(one.owned.claim))
    draining.set(keyOf(one.owned.claim), one)
  }
  yield* Effect.forEach(groups, (group) => Effect.forkIn(retire(share, group), scope), { discard: true })
  yield* signal({ _tag: "PartitionsReleased", stream, count: surplus.length, owned: working.size })
})

/** Finishes, gives the lease back, and tells the others. What cannot be given back now runs out by itself. */
const retire = Effect.fnUntraced(function* <E>(share: Share<E>, group: ReadonlyArray<Working>) {
  const ownership = yield* Ownership
  const log = yield* EventLog
  yield* Effect.forEach(group, (one) => finish(one, share.drainMax), { concurrency: "unbounded", discard: true })
  yield* Effect.ignore(ownership.release(group.map(({ owned }) => owned.claim)))
  for (const { owned } of group) share.draining.delete(keyOf(owned.claim))
  yield* log.ring(rebalanceDoorbell(share.stream))
})

const exchange = Effect.fnUntraced(function* <E>(share: Share<E>, options: ConsumerOptions) {
  const ownership = yield* Ownership
  const { instance, stream, working } = share
  share.hasMore = false
  yield* giveUpWithoutBroker(share)
  // What has ended by itself is not renewed, or it would be nobody's for as long as a lease lasts.
  for (const [at, { fiber }] of working) if (fiber.pollUnsafe() !== undefined) working.delete(at)
  const report = yield* reportOf(share)
  const sentAt = yield* Clock.monotonicTimeNanos
  const asked = [...working.values()].map((worker) => [worker, worker.owned.cursor()] as const)
  const isApart = share.cutOff || isDraining(share.controls, instance.id)
  const handlers = isApart ? [] : [...share.units.keys()]
  const claims = [...asked.map(([worker]) => worker.owned.claim), ...drainingClaims(share)]
  const beat = yield* ownership.beat(stream, instance, handlers, claims, report)
  share.provenAt = sentAt
  share.rewinds = beat.rewinds
  share.beats += 1
  share.asideDue = beat.asideDue
  share.topology = beat.topology ?? share.topology
  yield* compare(share, asked, beat)
  yield* followControls(share, beat.controls, beat.live)
  yield* takePartInBalanced(share, options)
  // What has just learned that it is to be drained, or was drained in an earlier life, takes nothing.
  if (!isDraining(share.controls, instance.id)) yield* claimFree(share, beat)
  yield* giveUp(share, surplusOf(share, beat))
  if (share.failing) yield* signal({ _tag: "HeartbeatRecovered", stream })
  share.failing = false
})

/** What another instance should own, one by one; and what is read to its end, by handler. */
const surplusOf = <E>({ instance, working }: Share<E>, beat: Heartbeat): ReadonlyArray<ReadonlyArray<Working>> => {
  const ended = new Set(beat.renewed.filter((claim) => claim.ended === true).map(keyOf))
  const all = [...working.values()]
  const read = all.filter(({ owned }) => ended.has(keyOf(owned.claim)))
  const others = all.filter(
    ({ owned }) => !ended.has(keyOf(owned.claim)) && !shouldOwn(instance, owned.claim, beat.live)
  )
  return [...others.map((one) => [one]), ...Map.groupBy(read, ({ owned }) => owned.claim.handler).values()]
}

const tick = <E>(share: Share<E>, options: ConsumerOptions) =>
  Effect.catch(exchange(share, options), (error) => sayFailing(share, error))

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
  const retiring = Effect.forEach(all, (one) => retire(share, [one]), { concurrency: "unbounded", discard: true })
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
