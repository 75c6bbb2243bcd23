import { Duration } from "effect"
import type { LogDeclaration } from "./EventLog.ts"
import type { LingerLimits } from "./Linger.ts"
import type { RelayLease, RelayPosition } from "./RelayStore.ts"

/** Pauses and times of the relay. */
export interface RelayTiming {
  readonly standbyPoll: Duration.Duration
  readonly renewEvery: Duration.Duration
  /** Poll of an idle outbox, underneath the doorbell and the renewals. */
  readonly idlePollMax: Duration.Duration
  /** How long the first row after a pause waits for others: fewer, larger batches. */
  readonly linger: LingerLimits
  /**
   * How long what was published is kept, to be published again when the broker loses it: for brokers that acknowledge
   * before they sync. 0: not at all.
   */
  readonly keepFor: Duration.Duration
}

/** What the leader knows. `dirty`: why it must reconcile before it may publish. */
export interface Leader {
  readonly declaration: LogDeclaration
  readonly lease: RelayLease
  readonly timing: RelayTiming
  position: RelayPosition
  lastSeq: number
  rowMaxBytes: number
  batchRows: number
  /** Rows of the batch before: how busy it is. */
  lastRows: number
  failuresInRow: number
  /** Since when the broker has not answered, by the monotonic clock; undefined when it has. */
  brokerAwaySince: bigint | undefined
  /** When an idle relay last looked at the stream, by the monotonic clock. */
  lookedAt: bigint
  /** When it last let go of kept rows, by the monotonic clock. */
  forgotAt: bigint
  dirty: string | undefined
}

/** Whether what it publishes is kept for a while. */
export const isKeeping = ({ timing }: Leader): boolean => !Duration.isZero(timing.keepFor)
