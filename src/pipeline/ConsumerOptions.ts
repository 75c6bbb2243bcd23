import { Duration } from "effect"

/** How an instance keeps its share of the handlers: heartbeat, transactions at a time, limits of what is put aside. */
export interface ConsumerOptions {
  /** How often it shows itself alive and renews; a third of the lease at most. */
  readonly heartbeatEvery: Duration.Duration
  /** Transactions at the same time of one transactional handler, in this process. */
  readonly transactionsMax: number
  /** How long a stopping partition may take to finish what is in hand. */
  readonly drainMax: Duration.Duration
  /**
   * Balanced handlers: how long an event may be in the hands of an instance that is not heard of before another one gets
   * it. Much shorter than an attempt may take is fine: what is worked on is kept.
   */
  readonly ackWait: Duration.Duration
  /** Events of one handler that may be put aside, and of one key. With more it is paused, until there are fewer. */
  readonly parkedEventsMax: number
  readonly parkedEventsOfKeyMax: number
}

/** 1 s, 1, 20 s, 30 s, 100,000 and 10,000. */
export const consumerOptionsDefault: ConsumerOptions = {
  heartbeatEvery: Duration.seconds(1),
  transactionsMax: 1,
  drainMax: Duration.seconds(20),
  ackWait: Duration.seconds(30),
  parkedEventsMax: 100_000,
  parkedEventsOfKeyMax: 10_000
}

/** Keys put aside that one instance tries at the same time, for each handler. */
export const asideKeysAtOnceMax = 8
