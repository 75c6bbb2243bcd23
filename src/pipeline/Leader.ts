import { Duration } from "effect"
import type { OutboxRow } from "./Envelope.ts"
import type { LogDeclaration } from "./EventLog.ts"
import type { LingerLimits } from "./Linger.ts"
import type { RelayLease, RelayPosition, RowRef } from "./RelayStore.ts"

/**
 * How the relay waits and how much it takes at a time. The defaults are measured; `keepFor` is the one to think about.
 */
export interface RelayTiming {
  /** How often a standby asks whether the leader is gone. */
  readonly standbyPoll: Duration.Duration
  /** How often the leader extends its lease of 3 s. */
  readonly renewEvery: Duration.Duration
  /** Poll of an idle outbox, underneath the doorbell and the renewals. */
  readonly idlePollMax: Duration.Duration
  /** How long the first row after a pause waits for others: fewer, larger batches. */
  readonly linger: LingerLimits
  /** Most rows of one atomic batch; the broker takes no more than 1,000. */
  readonly batchRowsMax: number
  /**
   * How long what was published is kept, to be published again when the broker loses it: for brokers that acknowledge
   * before they sync. 0: not at all.
   */
  readonly keepFor: Duration.Duration
}

/** A batch that the stream has, and the outbox still. */
export interface Published {
  readonly to: RelayPosition
  readonly refs: ReadonlyArray<RowRef>
}

/** What the leader knows. `dirty`: why it must reconcile before it may publish. */
export interface Leader {
  /** With the partitions that are published to. */
  declaration: LogDeclaration
  readonly lease: RelayLease
  readonly timing: RelayTiming
  /** As the store has it. The stream may be a batch further: `published`. */
  position: RelayPosition
  lastSeq: number
  published: Published | undefined
  /** Rows read while those before them were published; undefined: none were looked for. */
  ahead: ReadonlyArray<OutboxRow> | undefined
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
  /** So many partitions somebody wants, by the last renewal. */
  wanted: number | undefined
  /** Some handler reads partitions of before still. */
  unsettled: boolean
  dirty: string | undefined
}

/** Whether what it publishes is kept for a while. */
export const isKeeping = ({ timing }: Leader): boolean => !Duration.isZero(timing.keepFor)
