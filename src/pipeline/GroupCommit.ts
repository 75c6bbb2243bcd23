import { Deferred, Effect, Queue, type Scope } from "effect"
import { Inbox, type InboxCommit } from "./Inbox.ts"
import { keepGoing } from "./keepGoing.ts"
import { LeaseLost, StoreUnavailable } from "./PipelineError.ts"

/** How long the first commit of a group waits for others, in milliseconds. A crash repeats at most that much of external effects. */
export const groupLingerMs = 20

/** Commits of one group, at most: partitions times external handlers of one instance, usually far fewer. */
export const groupCommitsMax = 1_000

/** Commits progress of external handlers, those of many partitions with one statement. */
export interface GroupCommit {
  readonly commit: (plan: InboxCommit) => Effect.Effect<void, LeaseLost | StoreUnavailable>
}

interface Waiting {
  readonly plan: InboxCommit
  /** Its partition was closed meanwhile: whoever opens it next reads the truth, which must not move afterwards. */
  cancelled: boolean
  readonly reply: Deferred.Deferred<void, LeaseLost | StoreUnavailable>
}

/**
 * One per instance. Without it every partition would commit by itself, and the statements, not the effects, would fill
 * the machine.
 *
 * Guarantees: each plan is committed or refused by its own fence; one that is refused does not touch the others.
 */
export const makeGroupCommit = Effect.fnUntraced(function* (): Effect.fn.Return<
  GroupCommit,
  never,
  Inbox | Scope.Scope
> {
  const inbox = yield* Inbox
  const waiting = yield* Queue.unbounded<Waiting>()

  const settle = ({ plan, reply }: Waiting, landed: boolean | undefined) => {
    const { epoch, handler, partition } = plan.claim
    return landed === true
      ? Deferred.succeed(reply, undefined)
      : Deferred.fail(reply, new LeaseLost({ lease: `${handler}/${partition}`, epoch }))
  }

  const commitGroup = Effect.fnUntraced(function* (group: ReadonlyArray<Waiting>) {
    const landed = yield* inbox.commitGroup(group.map((one) => one.plan))
    yield* Effect.forEach(group, (one, i) => settle(one, landed[i]), { discard: true })
  })

  const refuse = (group: ReadonlyArray<Waiting>, failure: StoreUnavailable) =>
    Effect.forEach(group, ({ reply }) => Deferred.fail(reply, failure), { discard: true })

  const turn = Effect.gen(function* () {
    yield* Queue.peek(waiting)
    yield* Effect.sleep(groupLingerMs)
    const taken = yield* Queue.takeBetween(waiting, 1, groupCommitsMax)
    const group = taken.filter((one) => !one.cancelled)
    if (group.length > 0)
      yield* commitGroup(group).pipe(
        Effect.catch((failure) => refuse(group, failure)),
        Effect.tapDefect((defect) =>
          refuse(group, new StoreUnavailable({ operation: "GroupCommit", detail: String(defect), cause: defect }))
        )
      )
  })

  yield* keepGoing("group commit", turn).pipe(Effect.forkScoped)
  return {
    commit: Effect.fnUntraced(function* (plan) {
      // Evidence and parked events need statements of their own; they are rare.
      if (plan.parked.length > 0 || plan.violations.length > 0) return yield* inbox.commitOne(plan)
      const reply = yield* Deferred.make<void, LeaseLost | StoreUnavailable>()
      const one: Waiting = { plan, reply, cancelled: false }
      yield* Queue.offer(waiting, one)
      yield* Deferred.await(reply).pipe(Effect.onInterrupt(() => Effect.sync(() => (one.cancelled = true))))
    })
  }
})
