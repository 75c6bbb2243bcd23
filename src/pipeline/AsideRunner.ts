import { Effect, FiberSet, Option, Queue, type Scope, type Semaphore } from "effect"
import { type AsideContext, makeAsideAttempt, settleWithout } from "./AsideAttempt.ts"
import { Inbox } from "./Inbox.ts"
import type { Lane } from "./Lanes.ts"
import { type Aside, ParkingLot } from "./ParkingLot.ts"
import type { LeaseLost, StoreUnavailable } from "./PipelineError.ts"
import type { RunnerContext } from "./Runner.ts"
import { signal } from "./Signals.ts"
import { unlessDraining } from "./unlessDraining.ts"

/** Events of a put-aside key that are read at a time; with fewer left, its lane is held until they are done. */
export const asideEventsMax = 50

/** Works off keys that were put aside, beside the live flow of one opening of a partition. */
export interface AsideRunner {
  /** The next attempt at this key is due. */
  readonly wake: (key: string) => void
  readonly work: Effect.Effect<never, LeaseLost | StoreUnavailable>
  /** Finishes the attempts that are under way, and begins no other. */
  readonly drain: Effect.Effect<void>
}

/** What it shares with others. */
export interface AsideParts {
  /** Held by whoever opens lanes: two that do it at once could each undo the other's. */
  readonly intake: Semaphore.Semaphore
  /** Of the handler, over all partitions of the instance. */
  readonly slots: Semaphore.Semaphore
}

/**
 * One per opening of a partition.
 *
 * Guarantees: a key's events are tried in order, each after the one before was committed; those that arrive meanwhile
 * are put behind them. The key goes back to the live flow in the transaction of its last event, with its lane held: no
 * event is between the two.
 */
export const makeAsideRunner = Effect.fnUntraced(function* <E>(
  context: RunnerContext<E>,
  parts: AsideParts
): Effect.fn.Return<AsideRunner, never, Inbox | ParkingLot | Scope.Scope> {
  const state = { draining: false }
  return yield* makeServing(context, parts.slots, yield* makeServeSome(context, parts, state), state)
})

/**
 * The same for a balanced handler, whose events are put aside one by one: nothing arrives behind them, and there is no
 * live flow to give them back to.
 */
export const makeAloneRunner = Effect.fnUntraced(function* <E>(
  context: AsideContext<E>,
  slots: Semaphore.Semaphore
): Effect.fn.Return<AsideRunner, never, ParkingLot | Scope.Scope> {
  const state = { draining: false }
  // What only came again, after its instance was never heard of again, has nothing to be said of.
  const hadFailed = ({ generation, history }: Aside) => generation > 0 || history.length > 0
  const finish = yield* makeFinish(context, yield* makeRunAll(context, state), hadFailed)
  return yield* makeServing(
    context,
    slots,
    (key) => (state.draining ? Effect.succeed(false) : finish(key, () => {})),
    state
  )
})

type ServeSome = (key: string) => Effect.Effect<boolean, LeaseLost | StoreUnavailable>

/** Each key that is woken is served until there is nothing more to be done, so many at the same time. */
const makeServing = Effect.fnUntraced(function* <E>(
  { draining, gate }: AsideContext<E>,
  slots: Semaphore.Semaphore,
  serveSome: ServeSome,
  state: { draining: boolean }
): Effect.fn.Return<AsideRunner, never, Scope.Scope> {
  const woken = yield* Queue.unbounded<string>()
  const inHand = new Set<string>()
  const serving = yield* FiberSet.make<void, LeaseLost | StoreUnavailable>()
  const serve = (key: string) =>
    Effect.repeat(serveSome(key), { while: (more) => more }).pipe(
      slots.withPermit,
      (served) => Effect.andThen(unlessDraining(draining, gate.unpaused), served),
      Effect.asVoid,
      Effect.ensuring(Effect.sync(() => inHand.delete(key)))
    )
  const dispatch = Effect.flatMap(Queue.take(woken), (key) => FiberSet.run(serving, serve(key)))
  return {
    wake: (key) => {
      if (inHand.has(key)) return
      inHand.add(key)
      Queue.offerUnsafe(woken, key)
    },
    work: Effect.raceFirst(Effect.forever(dispatch), Effect.andThen(FiberSet.join(serving), Effect.never)),
    drain: Effect.suspend(() => {
      state.draining = true
      return FiberSet.awaitEmpty(serving)
    })
  }
})

/** Tries the next events of a key. True: there is more. */
const makeServeSome = Effect.fnUntraced(function* <E>(
  context: RunnerContext<E>,
  { intake }: AsideParts,
  state: { readonly draining: boolean }
) {
  const lot = yield* ParkingLot
  const openAndHold = yield* makeOpenAndHold(context)
  const runAll = yield* makeRunAll(context, state)
  const finish = yield* makeFinish(context, runAll, () => true)
  const { claim, lanes } = context

  const finishAndRelease = (key: string, lane: Lane) => {
    let returned = false
    return Effect.ensuring(
      finish(key, () => (returned = true)),
      Effect.sync(() => lanes.release(lane, returned))
    )
  }

  return Effect.fnUntraced(function* (key: string) {
    const aside = yield* lot.next(claim, key, asideEventsMax)
    if (Option.isNone(aside) || state.draining) return false
    if (aside.value.events.length === asideEventsMax) return yield* runAll(key, aside.value, false)
    const lane = yield* intake.withPermit(openAndHold(key))
    if (lane !== undefined) return yield* finishAndRelease(key, lane)
    // Something of it is in hand, perhaps for long: what is there is worked off meanwhile; the rest is looked for later.
    return aside.value.events.length > 0 && (yield* runAll(key, aside.value, false))
  })
})

/** Tries what is left of a key, and says so when nothing is any more. True: there is more. */
const makeFinish = Effect.fnUntraced(function* <E>(
  { claim, handler }: AsideContext<E>,
  runAll: RunAll,
  isSaid: (aside: Aside) => boolean
) {
  const lot = yield* ParkingLot
  // Looked at again: until the lane was held, more may have arrived.
  return Effect.fnUntraced(function* (key: string, returns: () => void) {
    const aside = yield* lot.next(claim, key, asideEventsMax)
    if (Option.isNone(aside)) return false
    const isLast = aside.value.events.length < asideEventsMax
    const done = yield* runAll(key, aside.value, isLast)
    if (!done || !isLast) return done
    returns()
    if (isSaid(aside.value)) yield* signal({ _tag: "KeyReturned", handler: handler.name, key })
    return false
  })
})

type RunAll = (key: string, aside: Aside, isLast: boolean) => Effect.Effect<boolean, LeaseLost | StoreUnavailable>

/** A lane that nobody has opened yet is opened, so that it can be held. */
const makeOpenAndHold = Effect.fnUntraced(function* <E>({ claim, handler, lanes }: RunnerContext<E>) {
  const inbox = yield* Inbox
  return Effect.fnUntraced(function* (key: string) {
    if (lanes.isOpen(key)) return lanes.hold(key)
    const [progress] = yield* inbox.progress(claim.stream, handler.name, [key])
    if (progress !== undefined) lanes.open(key, progress)
    return lanes.hold(key)
  })
})

/** One event after the other. True: all of these were done. */
const makeRunAll = Effect.fnUntraced(function* <E>(context: AsideContext<E>, state: { readonly draining: boolean }) {
  const lot = yield* ParkingLot
  const attempt = yield* makeAsideAttempt(context)
  const settleNothing = (key: string, generation: number, last: boolean) =>
    settleWithout(lot, context.claim, { key, generation, version: undefined, last }).pipe(
      Effect.as(true),
      Effect.catchTag("KeyChanged", () => Effect.succeed(false))
    )
  return Effect.fnUntraced(function* (key: string, aside: Aside, isLast: boolean) {
    const { events, generation } = aside
    if (events.length === 0) return yield* settleNothing(key, generation, isLast)
    for (const [i, stored] of events.entries()) {
      if (state.draining || context.gate.isPaused()) return false
      const before = i === 0 ? aside : { attempts: 0, history: [] }
      const last = isLast && i === events.length - 1
      if (!(yield* attempt({ key, stored, generation, last, ...before }))) return false
    }
    return true
  })
})
