import { type Cause, Clock, Effect, Exit, Queue, type Scope, Semaphore } from "effect"
import { type BatchCommit, batchEventsMax } from "./BatchCommit.ts"
import { isSuspect } from "./Careful.ts"
import type { HandlerGate } from "./HandlerGate.ts"
import { handlerFailure } from "./handlerFailure.ts"
import { attemptOf, currentAction, type Entry, type Lane } from "./Lanes.ts"
import type { LeaseLost, StoreUnavailable } from "./PipelineError.ts"
import { makeRetryLane, type RetryLane } from "./RetryLane.ts"
import type { Runner, RunnerContext } from "./Runner.ts"
import { sayHandled } from "./sayHandled.ts"

/** A share of a batch: some events of one lane, in order. */
interface Part {
  readonly lane: Lane
  readonly entries: ReadonlyArray<Entry>
}

/**
 * Runs a transactional handler: batches of ready lanes, one at a time per partition, effects and progress together. What
 * several partitions have ready shares one transaction.
 *
 * Guarantees: each event's effects are committed exactly once, a key's in order. A batch that fails is rolled back and
 * split until the failing event stands alone; the others commit, and only its key waits.
 */
export const makeTransactionalRunner = Effect.fnUntraced(function* <E>(
  context: RunnerContext<E>,
  batchCommit: BatchCommit<E>
): Effect.fn.Return<Runner, never, Scope.Scope> {
  const { careful, claim, draining, gate, lanes, ready } = context
  const retry = yield* makeRetryLane(context)
  const turn = yield* Semaphore.make(1)

  const commit = Effect.fnUntraced(
    function* (entries: ReadonlyArray<Entry>) {
      const plan = lanes.plan(claim, entries)
      const deliveries = deliveriesOf(entries)
      const beganMs = yield* Clock.currentTimeMillis
      const committing = careful.guard(entries, batchCommit.commit({ plan, deliveries }))
      yield* deliveries.length === 0 ? committing : gate.batch(deliveries.length, committing, draining)
      yield* context.committed(plan)
      yield* sayHandled(claim.handler, claim.partition, handledOf(entries), beganMs)
    },
    (effect, entries) => Effect.onError(effect, () => Effect.sync(() => lanes.undo(entries)))
  )

  const runParts = makeIsolation(commit, retry, gate)

  const turnOver = Effect.fnUntraced(function* () {
    const taken = yield* Queue.takeBetween(ready, 1, batchEventsMax)
    const [fresh, retried] = split(taken)
    const batches = [
      fill(fresh, Math.min(batchEventsMax, gate.togetherMax())),
      ...retried.map((lane) => fill([lane], 1))
    ]
    for (const parts of batches.filter((batch) => batch.length > 0)) yield* runParts(parts)
    for (const lane of taken) release(ready, lane)
  })

  return {
    work: Effect.forever(
      Queue.peek(ready).pipe(Effect.andThen(gate.ready), Effect.andThen(turn.withPermit(turnOver())))
    ),
    drain: turn.take(1).pipe(Effect.asVoid)
  }
})

/** Commits what can be committed: a failing batch is halved by lanes, then by events, until what fails stands alone. */
const makeIsolation = (
  commit: (entries: ReadonlyArray<Entry>) => Effect.Effect<void, unknown>,
  retry: RetryLane,
  gate: HandlerGate
) => {
  const runParts = Effect.fnUntraced(function* (
    parts: ReadonlyArray<Part>
  ): Effect.fn.Return<void, LeaseLost | StoreUnavailable> {
    const entries = parts.flatMap((part) => part.entries)
    const exit = yield* Effect.exit(commit(entries))
    if (Exit.isSuccess(exit)) return parts.forEach((part) => retry.succeeded(part.lane))
    // Nobody acts on a key of the live flow.
    const cause = yield* Effect.catchTag(handlerFailure(exit.cause), "KeyChanged", Effect.die)
    if (yield* gate.isToBlame(cause)) return yield* isolate(parts, cause)
    for (const part of parts) yield* putBack(part)
  })

  // A lane that was waiting for its retry has no timer any more; the others are offered by whoever took them.
  const putBack = ({ entries, lane }: Part) => {
    lane.queue.unshift(...entries)
    return lane.failures > 0 ? retry.later(lane) : Effect.void
  }

  // Halve by lanes, then by events; what stands alone has failed by itself.
  const isolate = Effect.fnUntraced(function* (
    parts: ReadonlyArray<Part>,
    cause: Cause.Cause<unknown>
  ): Effect.fn.Return<void, LeaseLost | StoreUnavailable> {
    const [part] = parts
    if (part === undefined) return
    if (parts.length > 1) {
      const [left, right] = halves(parts)
      yield* runParts(left)
      return yield* runParts(right)
    }
    if (part.entries.length > 1) return yield* runInTwo(part)
    const [entry] = part.entries
    if (entry === undefined) return
    const fate = yield* retry.failed(entry, cause)
    if (fate === "parked") return yield* runParts([part])
    part.lane.queue.unshift(entry)
  })

  const runInTwo = Effect.fnUntraced(function* (part: Part): Effect.fn.Return<void, LeaseLost | StoreUnavailable> {
    const { lane } = part
    const [left, right] = halves(part.entries)
    yield* runParts([{ lane, entries: left }])
    if (left.every((entry) => entry.done)) return yield* runParts([{ lane, entries: right }])
    // Some of it waits, for a retry or for the handler: what was behind it goes back behind it.
    const waiting = lane.queue.findIndex((entry) => entry.stored.seq > (left.at(-1)?.stored.seq ?? 0))
    lane.queue.splice(waiting === -1 ? lane.queue.length : waiting, 0, ...right)
  })
  return runParts
}

const handledOf = (entries: ReadonlyArray<Entry>) =>
  entries.flatMap((entry) => (currentAction(entry)._tag === "run" ? [entry.stored] : []))

const deliveriesOf = (entries: ReadonlyArray<Entry>) =>
  entries.flatMap((entry) => {
    const action = currentAction(entry)
    return action._tag === "run" ? [{ ...action.delivery, attempt: attemptOf(entry) }] : []
  })

/** Lanes whose events may share a batch, and those whose head has to stand alone. */
const split = (lanes: ReadonlyArray<Lane>): readonly [ReadonlyArray<Lane>, ReadonlyArray<Lane>] => [
  lanes.filter((lane) => !isAlone(lane)),
  lanes.filter(isAlone)
]

const isAlone = (lane: Lane) => lane.failures > 0 || lane.queue.slice(0, 1).some(isSuspect)

const fill = (lanes: ReadonlyArray<Lane>, eventsMax: number): ReadonlyArray<Part> => {
  const parts: Array<Part> = []
  let room = eventsMax
  for (const lane of lanes) {
    const entries = lane.queue.splice(0, Math.min(room, aheadOfSuspects(lane)))
    room -= entries.length
    if (entries.length > 0) parts.push({ lane, entries })
  }
  return parts
}

/** Events that may go together: up to the next one that has to stand alone. */
const aheadOfSuspects = ({ queue }: Lane) => {
  const next = queue.findIndex((entry, i) => i > 0 && isSuspect(entry))
  return next === -1 ? queue.length : next
}

const halves = <A>(items: ReadonlyArray<A>): readonly [ReadonlyArray<A>, ReadonlyArray<A>] => {
  const middle = Math.ceil(items.length / 2)
  return [items.slice(0, middle), items.slice(middle)]
}

// A lane that waits for its retry is offered by its timer; the others go on, or rest until their next event. Looked at and
// let go of in one step: an event that came in between would be offered by nobody.
const release = (ready: Queue.Queue<Lane>, lane: Lane) => {
  if (lane.failures > 0) return
  if (lane.queue.length > 0) Queue.offerUnsafe(ready, lane)
  else lane.busy = false
}
