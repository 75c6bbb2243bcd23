import { Effect, type Latch, Queue, type Scope, type Semaphore } from "effect"
import type { AsideRunner } from "./AsideRunner.ts"
import type { BatchCommit } from "./BatchCommit.ts"
import type { LogDeclaration } from "./EventLog.ts"
import type { GroupCommit } from "./GroupCommit.ts"
import type { Handler } from "./Handler.ts"
import type { HandlerGate } from "./HandlerGate.ts"
import type { PartitionStatus } from "./SelfReport.ts"
import type { Lanes } from "./Lanes.ts"
import type { Claim } from "./Ownership.ts"
import { DeliveryInterrupted, type LeaseLost } from "./PipelineError.ts"
import type { Suspicion } from "./Suspicion.ts"

/** Whether anything was put aside since it was last counted how much is. */
export interface ParkingNews {
  changed: boolean
}

/** A partition as its instance holds it. */
export interface OwnedPartition {
  readonly claim: Claim
  /** The cursor as the worker knows it. */
  readonly cursor: () => number
  /** The opening it works under. */
  readonly opening: () => number
  /** Whether deliveries come. */
  readonly isOpen: () => boolean
  /** Since when it could not be opened for want of the broker, by the monotonic clock; undefined when it could. */
  readonly brokerAwaySince: () => bigint | undefined
  /** The store's cursor went back: forget what is in hand and read the truth again. */
  readonly restart: Effect.Effect<void>
  /** The next attempt at a key that was put aside is due. */
  readonly wake: (key: string) => void
  /** An operator wants nothing new to begin in it, or wants it to go on. */
  readonly pause: (paused: boolean) => Effect.Effect<void>
  /** What it has in hand. */
  readonly status: () => Omit<PartitionStatus, "handler" | "partition">
  /** Finish what is in hand, commit, and end. */
  readonly stop: Effect.Effect<void>
}

/** The shared parts of all partitions of an instance. */
export interface WorkerOptions {
  readonly declaration: LogDeclaration
  /** The id of the instance. */
  readonly instance: string
  /** Commits of external handlers, shared by all partitions of the instance. */
  readonly groupCommit: GroupCommit
  readonly suspicion: Suspicion
  readonly parking: ParkingNews
}

/** A handler with what its partitions share. */
export interface HandlerUnit<E> {
  readonly handler: Handler<E>
  readonly batchCommit: BatchCommit<E>
  readonly gate: HandlerGate
  /** Permits for what an external handler does at the same time. */
  readonly slots: Semaphore.Semaphore
  /** Permits for keys that were put aside and are tried at the same time. */
  readonly asideSlots: Semaphore.Semaphore
}

/** From one opening of a partition to the next, as the worker that opens it sees it. */
export interface Opening {
  /** Counts the openings of this worker. */
  readonly generation: number
  readonly stopping: Latch.Latch
  readonly restarts: Queue.Queue<void>
  /** The handler's, and this partition's own pause. */
  readonly gate: HandlerGate
  /** Deliveries come, for as long as the scope lasts. */
  readonly opened: (aside: AsideRunner, lanes?: Lanes) => Effect.Effect<unknown, never, Scope.Scope>
  readonly moved: (cursor: number, openedAs?: number) => void
  /** Whoever had the partition before may have been ended by one of its events, until it is `trusted`. */
  readonly isCareful: boolean
  readonly trusted: () => void
}

/** Only the store can say that a claim is lost: a refused commit may also mean that an earlier one landed after all. */
export const refused = (partition: number) => (error: LeaseLost) =>
  Effect.fail(new DeliveryInterrupted({ partition, reason: `a commit was refused: ${error.message}` }))

/** Fails when the store's cursor went back under it. */
export const whenRestarted = ({ restarts }: Opening, partition: number) =>
  Effect.andThen(
    Queue.take(restarts),
    Effect.fail(new DeliveryInterrupted({ partition, reason: "the cursor was lowered" }))
  )
