import { Duration, Effect, Fiber, FiberMap, Option, Queue, Ref, Stream } from "effect"
import { makeBatchCommit } from "./BatchCommit.ts"
import { EventLog, type LogDeclaration } from "./EventLog.ts"
import { makeGroupCommit } from "./GroupCommit.ts"
import type { Handler } from "./Handler.ts"
import { type Claim, type Heartbeat, type Instance, Ownership } from "./Ownership.ts"
import { rendezvousOwner } from "./Partition.ts"
import { makePartitionWorker, type OwnedPartition, type WorkerOptions } from "./PartitionWorker.ts"
import type { StoreUnavailable } from "./PipelineError.ts"
import { signal } from "./Signals.ts"

/** How an instance keeps its share. */
export interface ConsumerOptions {
  /** How often it shows itself alive and renews; a third of the lease at most. */
  readonly heartbeatEvery: Duration.Duration
  /** Transactions at the same time of one transactional handler, in this process. */
  readonly transactionsMax: number
  /** How long a stopping partition may take to finish what is in hand. */
  readonly drainMax: Duration.Duration
}

/** 1 s, 1, 20 s. */
export const consumerOptionsDefault: ConsumerOptions = {
  heartbeatEvery: Duration.seconds(1),
  transactionsMax: 1,
  drainMax: Duration.seconds(20)
}

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
  const ownership = yield* Ownership
  const stream = declaration.name
  const names = handlers.map((handler) => handler.name)
  yield* ownership.declare(stream, names, declaration.partitions)
  const share = yield* makeShare(declaration, handlers, instance, options)
  const rung = yield* Queue.sliding<void>(1)
  yield* log.rings(rebalanceDoorbell(stream)).pipe(
    Stream.runForEach(() => Queue.offer(rung, undefined)),
    Effect.forkScoped
  )
  const beatOnce = share.tick.pipe(Effect.andThen(Effect.timeoutOption(Queue.take(rung), options.heartbeatEvery)))
  yield* Effect.addFinalizer(() => share.leave)
  yield* log.ring(rebalanceDoorbell(stream))
  yield* beatOnce.pipe(Effect.forever, Effect.forkScoped)
  return { ownedPartitions: share.size }
})

interface Working {
  readonly owned: OwnedPartition
  readonly fiber: Fiber.Fiber<void, unknown>
}

const keyOf = (at: { readonly handler: string; readonly partition: number }) => `${at.handler}/${at.partition}`

const makeShare = Effect.fnUntraced(function* <E>(
  declaration: LogDeclaration,
  handlers: ReadonlyArray<Handler<E>>,
  instance: Instance,
  options: ConsumerOptions
) {
  const log = yield* EventLog
  const ownership = yield* Ownership
  const stream = declaration.name
  const workerOptions: WorkerOptions = { declaration, groupCommit: yield* makeGroupCommit() }
  const units = yield* Effect.forEach(handlers, (handler) =>
    Effect.map(makeBatchCommit(handler, options.transactionsMax), (batchCommit) => ({ handler, batchCommit }))
  )
  const fibers = yield* FiberMap.make<string, void, unknown>()
  const working = new Map<string, Working>()
  const failing = yield* Ref.make(false)

  const start = Effect.fnUntraced(function* (claim: Claim) {
    const unit = units.find((candidate) => candidate.handler.name === claim.handler)
    if (unit === undefined) return
    const worker = yield* makePartitionWorker(workerOptions, unit, claim)
    const fiber = yield* FiberMap.run(fibers, `${keyOf(claim)}/${claim.epoch}`, worker.run)
    working.set(keyOf(claim), { owned: worker.owned, fiber })
  })

  const drop = Effect.fnUntraced(function* (lost: Working) {
    const { epoch, handler, partition } = lost.owned.claim
    working.delete(keyOf(lost.owned.claim))
    if (lost.fiber.pollUnsafe() !== undefined) return
    yield* signal({ _tag: "PartitionLost", handler, partition, epoch })
    yield* Fiber.interrupt(lost.fiber)
  })

  // A cursor below what this worker knew before the question was asked: the stream was rewound under it.
  const compare = Effect.fnUntraced(function* (asked: ReadonlyArray<readonly [Working, number]>, beat: Heartbeat) {
    const renewed = new Map(beat.renewed.map((claim) => [keyOf(claim), claim.cursor]))
    for (const [worker, before] of asked) {
      const cursor = renewed.get(keyOf(worker.owned.claim))
      if (cursor === undefined || worker.fiber.pollUnsafe() !== undefined) yield* drop(worker)
      else if (cursor < before) yield* worker.owned.restart
    }
  })

  const claimFree = Effect.fnUntraced(function* (beat: Heartbeat) {
    const wanted = beat.free.filter(
      (at) => !working.has(keyOf(at)) && rendezvousOwner(at.handler, at.partition, beat.live) === instance.id
    )
    if (wanted.length === 0) return
    const claims = yield* ownership.claim(stream, instance.id, wanted)
    yield* Effect.forEach(claims, start, { discard: true })
    if (claims.length > 0) yield* signal({ _tag: "PartitionsClaimed", stream, count: claims.length, owned: working.size })
  })

  const giveUp = Effect.fnUntraced(function* (surplus: ReadonlyArray<Working>) {
    if (surplus.length === 0) return
    for (const { owned } of surplus) working.delete(keyOf(owned.claim))
    yield* Effect.forEach(surplus, (one) => finish(one, options.drainMax), { concurrency: "unbounded", discard: true })
    yield* ownership.release(surplus.map((one) => one.owned.claim))
    yield* signal({ _tag: "PartitionsReleased", stream, count: surplus.length, owned: working.size })
    yield* log.ring(rebalanceDoorbell(stream))
  })

  const exchange = Effect.fnUntraced(function* () {
    const asked = [...working.values()].map((worker) => [worker, worker.owned.cursor()] as const)
    const claims = asked.map(([worker]) => worker.owned.claim)
    const beat = yield* ownership.beat(stream, instance, claims)
    yield* compare(asked, beat)
    yield* claimFree(beat)
    yield* giveUp([...working.values()].filter(({ owned }) => !shouldOwn(instance, owned.claim, beat.live)))
    if (yield* Ref.getAndSet(failing, false)) yield* signal({ _tag: "HeartbeatRecovered", stream })
  })

  const sayFailing = Effect.fnUntraced(function* (error: StoreUnavailable) {
    if (yield* Ref.getAndSet(failing, true)) return
    yield* signal({ _tag: "HeartbeatFailed", stream, detail: error.message })
  })

  return {
    size: () => working.size,
    tick: exchange().pipe(Effect.catch(sayFailing)),
    leave: Effect.suspend(() => giveUp([...working.values()])).pipe(
      Effect.andThen(ownership.leave(stream, instance)),
      Effect.andThen(log.ring(rebalanceDoorbell(stream))),
      Effect.ignore
    )
  }
})

const shouldOwn = (instance: Instance, claim: Claim, live: ReadonlyArray<string>) =>
  rendezvousOwner(claim.handler, claim.partition, live) === instance.id

const finish = Effect.fnUntraced(function* (worker: Working, drainMax: Duration.Duration) {
  yield* worker.owned.stop
  const ended = yield* Fiber.await(worker.fiber).pipe(Effect.timeoutOption(drainMax))
  if (Option.isNone(ended)) yield* Fiber.interrupt(worker.fiber)
})
