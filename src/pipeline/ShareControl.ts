import { Clock, Effect, Fiber, Scope } from "effect"
import { type BalancedOptions, makeBalancedWorker } from "./BalancedWorker.ts"
import type { ConsumerOptions } from "./ConsumerOptions.ts"
import { type Control, isDraining, isPaused, throttleOf } from "./Control.ts"
import type { Member } from "./Ownership.ts"
import type { HandlerUnit } from "./PartitionOpening.ts"
import { type InstanceStatus, reportMaxChars } from "./SelfReport.ts"
import { keyOf, type Share } from "./Share.ts"

/** What operators want, done: pauses and limits in the gates, and a drain by taking no part. */
export const followControls = Effect.fnUntraced(function* <E>(
  share: Share<E>,
  controls: ReadonlyArray<Control>,
  live: ReadonlyArray<Member>
) {
  share.controls = controls
  for (const { gate, handler } of share.units.values()) {
    const sharing = live.filter(({ handlers }) => handlers.includes(handler.name)).length
    const perSecond = throttleOf(controls, handler.name)
    const own = perSecond === undefined ? undefined : perSecond / Math.max(1, sharing)
    yield* gate.control(isHandlerPaused(controls, handler.name), own)
  }
  for (const { owned } of share.working.values())
    yield* owned.pause(isPaused(controls, owned.claim.handler, owned.claim.partition))
})

const isHandlerPaused = (controls: ReadonlyArray<Control>, handler: string) =>
  isPaused(
    controls.filter(({ partition }) => partition === undefined),
    handler
  )

/** Balanced handlers have no partitions to give up: their part ends with a drain, and begins anew behind it. */
export const takePartInBalanced = Effect.fnUntraced(function* <E>(share: Share<E>, options: ConsumerOptions) {
  const wanted = !isDraining(share.controls, share.instance.id)
  if (wanted === share.balanced.length > 0) return
  if (!wanted) {
    const ending = share.balanced
    share.balanced = []
    // A drain may take longer than a beat.
    const fiber = yield* Effect.forkIn(drainAll(ending), share.balancedScope)
    share.balancedEnding.add(fiber)
    fiber.addObserver(() => share.balancedEnding.delete(fiber))
    return
  }
  const balanced = [...share.units.values()].filter(({ handler }) => handler.delivery === "balanced")
  share.balanced = yield* Effect.forEach(balanced, (unit) =>
    makeBalancedWorker(balancedOptions(share, unit, options), unit)
  ).pipe(Scope.provide(share.balancedScope))
})

const drainAll = (parts: Share<never>["balanced"]) =>
  Effect.forEach(parts, ({ drain }) => drain, { concurrency: "unbounded", discard: true })

/** The farewell of balanced handlers: what is in hand is finished, also where a drain is at it already. */
export const leaveBalanced = <E>(share: Share<E>): Effect.Effect<void> =>
  Effect.suspend(() =>
    Effect.all([drainAll(share.balanced), Fiber.awaitAll(share.balancedEnding)], {
      concurrency: "unbounded",
      discard: true
    })
  )

const balancedOptions = <E>(
  share: Share<E>,
  { handler }: HandlerUnit<E>,
  { ackWait, drainMax, transactionsMax }: ConsumerOptions
): BalancedOptions => ({
  ...share.workerOptions,
  transactionsMax,
  drainMax,
  ackWait,
  topology: () => share.topology,
  beaten: () => ({ rewinds: share.rewinds, beats: share.beats }),
  claim: () => {
    const owned = share.working.get(keyOf({ handler: handler.name, partition: share.topology.first }))?.owned
    return owned && { ...owned.claim, opening: owned.opening() }
  }
})

/** What it has in hand, as it says itself with each beat; too much to say is nothing said. */
export const reportOf = <E>(share: Share<E>): Effect.Effect<string | undefined> =>
  Effect.map(Clock.currentTimeMillis, (nowMs) => {
    const report = share.selfReport(statusOf(share, Math.round(nowMs)))
    return report !== undefined && report.length <= reportMaxChars ? report : undefined
  })

const statusOf = <E>(share: Share<E>, nowMs: number): InstanceStatus => ({
  nowMs,
  partitions: [...share.working.values(), ...share.draining.values()].map(({ owned }) => ({
    handler: owned.claim.handler,
    partition: owned.claim.partition,
    ...owned.status()
  })),
  balanced: new Map(share.balanced.map(({ handler, inHand }) => [handler, inHand()])),
  draining: isDraining(share.controls, share.instance.id)
})
