import { Clock, Duration, Effect, type Fiber, type FiberMap, type Scope } from "effect"
import type { Control } from "./Control.ts"
import { EventLog } from "./EventLog.ts"
import type { Instance, Member } from "./Ownership.ts"
import { rendezvousOwner, type Topology } from "./Partition.ts"
import type { HandlerUnit, OwnedPartition, ParkingNews, WorkerOptions } from "./PartitionOpening.ts"
import { brokerAwayMax } from "./Relay.ts"
import type { InstanceStatus } from "./SelfReport.ts"
import { signal } from "./Signals.ts"

/**
 * How long after the last proof of ownership work goes on, by this process's monotonic clock: less than a lease lasts, so
 * that it ends before somebody else can have begun, whatever the clocks of the machines say.
 */
export const proofMax = Duration.millis(2_500)

/** How often that is looked at. */
export const proofLookEvery = Duration.millis(250)

/** A partition in hand, and the fiber that works it. */
export interface Working {
  readonly owned: OwnedPartition
  readonly fiber: Fiber.Fiber<void, unknown>
  /** When it was claimed, by the count of beats. */
  readonly claimedAt: number
}

/** What takes events for a balanced handler. */
export interface BalancedPart {
  readonly handler: string
  readonly inHand: () => number
  readonly brokerAwaySince: () => bigint | undefined
  readonly drain: Effect.Effect<void>
}

/** The name of a handler's partition. */
export const keyOf = (at: { readonly handler: string; readonly partition: number }) => `${at.handler}/${at.partition}`

/** What this instance has in hand, and what it needs to change it. Used by one fiber at a time: the heartbeat, or the farewell. */
export interface Share<E> {
  readonly stream: string
  readonly instance: Instance
  readonly workerOptions: WorkerOptions
  readonly units: ReadonlyMap<string, HandlerUnit<E>>
  readonly fibers: FiberMap.FiberMap<string, void, unknown>
  readonly working: Map<string, Working>
  /** What takes events for balanced handlers, whichever partitions are in hand. */
  balanced: ReadonlyArray<BalancedPart>
  /** The drains of what took them before, under way. */
  readonly balancedEnding: Set<Fiber.Fiber<void>>
  /** What takes them lives in here, whenever it began: it ends behind the farewell, which lets it finish. */
  readonly balancedScope: Scope.Scope
  /** What is said of it with each beat. */
  readonly selfReport: (status: InstanceStatus) => string | undefined
  /** What operators want, by the last beat. */
  controls: ReadonlyArray<Control>
  /** Given up, and finishing what is in hand: renewed until it is released, so that nobody else begins meanwhile. */
  readonly draining: Map<string, Working>
  readonly scope: Scope.Scope
  readonly drainMax: Duration.Duration
  readonly parking: ParkingNews
  /** Whether something that was put aside may be due, by the last beat. */
  asideDue: boolean
  /** How often the stream was turned back, by the last beat, and how many beats were answered. */
  rewinds: number
  beats: number
  /** What is published to, by the last beat. */
  topology: Topology
  failing: boolean
  /** There is more to claim than may be opened at once. */
  hasMore: boolean
  /** Without the broker it takes no part: it shows itself without handlers until the broker answers. */
  cutOff: boolean
  /** When the last beat that was answered had been sent, by the monotonic clock. */
  provenAt: bigint
}

/** Only those that know a handler share in it: during a rolling deploy not every instance knows every one. */
export const shouldOwn = (
  instance: Instance,
  { handler, partition }: { readonly handler: string; readonly partition: number },
  live: ReadonlyArray<Member>
) => {
  const knowing = live.filter((member) => member.handlers.includes(handler)).map((member) => member.id)
  return rendezvousOwner(handler, partition, knowing) === instance.id
}

/**
 * Ends what has no proof of ownership any more: the store does not answer, or this process stood still. Only the fibers,
 * at once; the heartbeat, which may be stuck in a request, clears up behind it.
 */
export const endUnproven = Effect.fnUntraced(function* <E>(share: Share<E>) {
  const unproven = (yield* Clock.monotonicTimeNanos) - share.provenAt > Duration.toNanosUnsafe(proofMax)
  const inHand = [...share.working.values(), ...share.draining.values()]
  const live = inHand.filter(({ fiber }) => fiber.pollUnsafe() === undefined)
  if (!unproven || live.length === 0) return
  yield* signal({ _tag: "OwnershipUnproven", stream: share.stream, count: live.length })
  for (const { fiber } of live) fiber.interruptUnsafe()
})

/** A lease proves contact with the store only. What cannot be read without the broker is given up, for others who can. */
export const giveUpWithoutBroker = Effect.fnUntraced(function* <E>(share: Share<E>) {
  if (share.cutOff) return yield* rejoinWithBroker(share)
  const now = yield* Clock.monotonicTimeNanos
  const isAway = (one: { readonly brokerAwaySince: () => bigint | undefined }) => {
    const since = one.brokerAwaySince()
    return since !== undefined && now - since > Duration.toNanosUnsafe(brokerAwayMax)
  }
  const inHand = [...[...share.working.values()].map(({ owned }) => owned), ...share.balanced]
  // One consumer that cannot be made is not the broker out of reach: that is asked by the same question as the way back.
  if (!inHand.some(isAway) || (yield* brokerAnswers(share))) return
  share.cutOff = true
  yield* signal({ _tag: "BrokerOutOfReach", stream: share.stream, count: share.working.size })
})

// Not longer than a beat may take, or the lease of what still drains would run out.
const brokerAnswers = Effect.fnUntraced(function* <E>(share: Share<E>) {
  const log = yield* EventLog
  return yield* log.info(share.stream).pipe(Effect.timeout("500 millis"), Effect.isSuccess)
})

const rejoinWithBroker = Effect.fnUntraced(function* <E>(share: Share<E>) {
  if (!(yield* brokerAnswers(share))) return
  share.cutOff = false
  yield* signal({ _tag: "BrokerInReach", stream: share.stream })
})
