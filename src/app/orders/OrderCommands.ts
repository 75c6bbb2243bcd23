import { Cause, Context, DateTime, Deferred, Effect, Exit, Layer, Option, Queue, Result, Schedule } from "effect"
import type { SqlError } from "effect/sql"
import { evolve } from "../../domain/Order.ts"
import { decide } from "../../domain/OrderDecision.ts"
import { keepGoing } from "../../pipeline/keepGoing.ts"
import { linger, lingerAfter, type LingerLimits } from "../../pipeline/Linger.ts"
import type { InvalidEvent, StoreUnavailable, VersionConflict } from "../../pipeline/PipelineError.ts"
import type { Outbox } from "../../pipeline/Outbox.ts"
import { inBatchSpan } from "../../pipeline/Trace.ts"
import { Transactor } from "../../pipeline/Transactor.ts"
import {
  type CommandFailure,
  type CommandRequest,
  type IdempotencyKeyReused,
  OrdersOverloaded,
  OrdersUnavailable
} from "./CommandRequest.ts"
import { GroupDraft, wantedBy } from "./GroupDraft.ts"
import { Intake } from "./Intake.ts"
import { Orders } from "./Orders.ts"
import { type CommandAnswer, OrderStore } from "./OrderStore.ts"

/** Limits of the write side. */
export interface CommandLimits {
  /** Commands that wait for a group, at most. */
  readonly waitingMax: number
  /** Commands of one transaction, at most. */
  readonly groupMax: number
  /** Transactions at the same time. */
  readonly groupsAtOnceMax: number
}

/**
 * Executes commands, many callers to a commit.
 *
 * Guarantees: a command's order, stock, event and idempotent answer are written together or not at all; each caller gets
 * its own answer; two commands on one order are decided one after the other. When a group fails, its commands run alone,
 * so that one cannot take the others down.
 */
export class OrderCommands extends Context.Service<
  OrderCommands,
  { readonly execute: (request: CommandRequest) => Effect.Effect<CommandAnswer, CommandFailure> }
>()("millrace/app/orders/OrderCommands") {
  static readonly layer = (
    limits: CommandLimits
  ): Layer.Layer<OrderCommands, never, Intake | OrderStore | Transactor | Outbox> =>
    Layer.effect(OrderCommands, make(limits))
}

interface Waiting {
  readonly request: CommandRequest
  readonly reply: Deferred.Deferred<CommandAnswer, CommandFailure>
}

/** How long a command waits for others to share its transaction: not at all when it came alone. */
const groupLinger: LingerLimits = { minMs: 0, maxMs: 4 }

type GroupFailure = StoreUnavailable | SqlError.SqlError | InvalidEvent | VersionConflict

const make = Effect.fnUntraced(function* (limits: CommandLimits) {
  const intake = yield* Intake
  const waiting = yield* Queue.bounded<Waiting>(limits.waitingMax)
  const takeGroup = Queue.takeBetween(waiting, 1, limits.groupMax)
  let lastCommands = 0
  const worker = keepGoing(
    "commands",
    Effect.gen(function* () {
      yield* Queue.peek(waiting)
      yield* linger(waiting, () => lingerAfter(lastCommands, groupLinger), limits.groupMax)
      const group = yield* takeGroup
      lastCommands = group.length
      yield* runGroup(group)
    })
  )
  yield* Effect.forEach(Array.from({ length: limits.groupsAtOnceMax }), () => Effect.forkScoped(worker), {
    discard: true
  })
  return OrderCommands.of({
    execute: Effect.fnUntraced(function* (request) {
      yield* intake.admit
      const reply = yield* Deferred.make<CommandAnswer, CommandFailure>()
      const accepted = Queue.offerUnsafe(waiting, { request, reply })
      if (!accepted) return yield* new OrdersOverloaded({ waitingMax: limits.waitingMax })
      return yield* Deferred.await(reply)
    })
  })
})

const runGroup = Effect.fnUntraced(function* (group: ReadonlyArray<Waiting>) {
  const done = yield* Effect.exit(commitGroup(group))
  if (Exit.isSuccess(done)) return
  const failure = Option.getOrUndefined(Cause.findErrorOption(done.cause))
  // A lost connection hits all alike; anything else may be one command's doing.
  if (failure?._tag === "StoreUnavailable") return yield* refuse(group, failure)
  yield* Effect.forEach(group, runAlone, { discard: true })
})

const runAlone = (one: Waiting) =>
  commitGroup([one]).pipe(
    Effect.retry(Schedule.exponential("20 millis").pipe(Schedule.upTo({ times: 2 }))),
    Effect.catch((failure) => refuse([one], failure)),
    Effect.catchDefect((defect) => Deferred.die(one.reply, defect))
  )

const refuse = (group: ReadonlyArray<Waiting>, failure: GroupFailure) =>
  Effect.forEach(group, ({ reply }) => Deferred.fail(reply, new OrdersUnavailable({ detail: failure.message })), {
    discard: true
  })

const inGroupSpan = <A, E, R>(effect: Effect.Effect<A, E, R>, group: ReadonlyArray<Waiting>) =>
  inBatchSpan(
    effect,
    "OrderCommands.commitGroup",
    "internal",
    group.map(({ request }) => request)
  )

/** One transaction: look, decide, write. The replies are given after the commit. */
const commitGroup = Effect.fnUntraced(function* (group: ReadonlyArray<Waiting>) {
  const store = yield* OrderStore
  const transactor = yield* Transactor
  const now = yield* DateTime.now
  const requests = group.map((one) => one.request)
  const draft = yield* transactor.run(
    Effect.gen(function* () {
      const loaded = yield* store.load(wantedBy(requests))
      const decided = new GroupDraft(loaded)
      for (const request of requests) decideOne(decided, request, now)
      yield* store.save(decided.changes())
      yield* Orders.append(decided.events, { traceparents: decided.traceparents })
      return decided
    })
  )
  yield* Effect.forEach(group, ({ reply }, i) => answer(reply, draft.answers[i]), { discard: true })
}, inGroupSpan)

const answer = (reply: Waiting["reply"], outcome: Result.Result<CommandAnswer, IdempotencyKeyReused> | undefined) =>
  outcome === undefined ? Effect.void : Deferred.completeWith(reply, Effect.fromResult(outcome))

const decideOne = (draft: GroupDraft, request: CommandRequest, now: DateTime.Utc) => {
  if (draft.repeat(request)) return
  const before = draft.order(request.command.orderId)
  const decision = decide({ order: before, stock: draft.stock, now }, request.command)
  if (Result.isFailure(decision)) return draft.reject(request, decision.failure)
  const { event, reserved } = decision.success
  Option.map(evolve(before, event), (order) => draft.accept(request, { event, reserved, order }))
}
