import { Cause, Deferred, Effect, Exit, Latch, Queue, type Scope } from "effect"
import type { Delivery, Handler } from "./Handler.ts"
import { Inbox, type InboxCommit } from "./Inbox.ts"
import { ownInterruptIsDefect } from "./ownInterrupt.ts"
import { keepGoing } from "./keepGoing.ts"
import { lingerAfter, type LingerLimits, rest } from "./Linger.ts"
import { type LeaseLost, StoreUnavailable, type TransactionIdle } from "./PipelineError.ts"
import { inBatchSpan } from "./Trace.ts"

/**
 * Most events one transaction handles: 35,000 a second with 200, 46,000 with 500 (`pnpm bench effects`). Larger ones hold
 * their locks for longer, and have more to do again when an event fails.
 */
export const batchEventsMax = 500

/** How long a batch waits for other partitions' events. It is what the first of them waits longer for its effect. */
export const batchLinger: LingerLimits = { minMs: 0, maxMs: 20 }

/** One partition's share: what it records, and what the handler is to be given. */
export interface Share {
  readonly plan: InboxCommit
  readonly deliveries: ReadonlyArray<Delivery<unknown>>
}

/** What a share may fail with: the handler's own failure, or the store's. */
export type BatchFailure<E> = E | Cause.TimeoutError | LeaseLost | StoreUnavailable | TransactionIdle

/** Runs a transactional handler over the shares of many partitions, in one transaction with their progress. */
export interface BatchCommit<E> {
  readonly commit: (share: Share) => Effect.Effect<void, BatchFailure<E>>
}

interface Waiting<E> {
  readonly share: Share
  /** Its partition was closed meanwhile: whoever opens it next reads the truth, which must not move afterwards. */
  cancelled: boolean
  readonly reply: Deferred.Deferred<void, BatchFailure<E>>
}

/**
 * One per handler and instance.
 *
 * Guarantees: a share's effects and progress are committed together or not at all. When a batch of several shares
 * fails, each is tried alone, so that a failing event, or a partition that was lost, is the concern of its own
 * partition only.
 */
export const makeBatchCommit = Effect.fnUntraced(function* <E>(
  handler: Handler<E>,
  transactionsMax: number
): Effect.fn.Return<BatchCommit<E>, never, Inbox | Scope.Scope> {
  const inbox = yield* Inbox
  const waiting = yield* makeWaiting<E>()

  const commitTogether = (shares: ReadonlyArray<Share>): Effect.Effect<void, BatchFailure<E>> => {
    const deliveries = shares.flatMap((share) => share.deliveries)
    const effects =
      deliveries.length === 0
        ? Effect.void
        : handler.run(deliveries).pipe(ownInterruptIsDefect, Effect.timeout(handler.retry.attemptTimeout))
    const commit = inbox.commit(
      shares.map((share) => share.plan),
      effects
    )
    return inBatchSpan(commit, `Handler.${handler.name}`, "consumer", deliveries)
  }

  const commitAlone = ({ reply, share }: Waiting<E>) =>
    Effect.flatMap(Effect.exit(commitTogether([share])), (exit) => Deferred.done(reply, exit))

  const commitBatch = Effect.fnUntraced(function* (batch: ReadonlyArray<Waiting<E>>) {
    const exit = yield* Effect.exit(commitTogether(batch.map((one) => one.share)))
    if (Exit.isSuccess(exit) || batch.length === 1 || isUnknown(exit.cause)) {
      return yield* Effect.forEach(batch, ({ reply }) => Deferred.done(reply, exit), { discard: true })
    }
    yield* Effect.forEach(batch, commitAlone, { discard: true })
  })

  let lastEvents = 0
  const turn = Effect.gen(function* () {
    yield* waiting.company(lingerAfter(lastEvents, batchLinger))
    const batch = waiting.take()
    lastEvents = eventsOf(batch)
    if (batch.length > 0) yield* commitBatch(batch)
  })

  yield* Effect.forEach(
    Array.from({ length: transactionsMax }),
    () => Effect.forkScoped(keepGoing("batch commit", turn)),
    {
      discard: true
    }
  )
  return {
    commit: Effect.fnUntraced(function* (share) {
      const reply = yield* Deferred.make<void, BatchFailure<E>>()
      const one: Waiting<E> = { share, reply, cancelled: false }
      waiting.offer(one)
      yield* Deferred.await(reply).pipe(Effect.onInterrupt(() => Effect.sync(() => (one.cancelled = true))))
    })
  }
})

/** Whether it was committed is unknown: only reading the store again may tell, never trying again. */
const isUnknown = (cause: Cause.Cause<unknown>) =>
  cause.reasons.some((reason) => Cause.isFailReason(reason) && reason.error instanceof StoreUnavailable)

/** A share without events, of what was handled before, counts as one. */
const eventsOf = <E>(some: ReadonlyArray<Waiting<E>>) =>
  some.reduce((sum, { share }) => sum + Math.max(1, share.deliveries.length), 0)

/** The shares that wait for a transaction. */
const makeWaiting = Effect.fnUntraced(function* <E>() {
  const queue = yield* Queue.unbounded<Waiting<E>>()
  const full = yield* Latch.make(false)
  let events = 0

  /** As many shares as fit; at least one if there is one. */
  const takeAll = () => {
    const batch: Array<Waiting<E>> = []
    for (let taken = 0; Queue.sizeUnsafe(queue) > 0 && taken < batchEventsMax; taken += eventsOf(batch.slice(-1))) {
      const next = Queue.takeUnsafe(queue)
      if (next === undefined || Exit.isFailure(next)) break
      batch.push(next.value)
    }
    return batch
  }

  return {
    offer: (one: Waiting<E>) => {
      Queue.offerUnsafe(queue, one)
      events += eventsOf([one])
      if (events >= batchEventsMax) full.openUnsafe()
    },
    /** Waits for a share, and then for others: until they fill a batch, or for so long. */
    company: (lingerMs: number) => Effect.andThen(Queue.peek(queue), Effect.raceFirst(full.await, rest(lingerMs))),
    take: (): ReadonlyArray<Waiting<E>> => {
      const batch = takeAll()
      events -= eventsOf(batch)
      if (events < batchEventsMax) full.closeUnsafe()
      return batch.filter((one) => !one.cancelled)
    }
  }
})
