import type { Some } from "./Random.ts"

/** How an instance ends: a planned stop, a crash, or a freeze beyond its lease after which it wakes up and goes on. */
export type Ending = "leave" | "crash" | "freeze"

/** What may go wrong in a history; what does, and when, is drawn from its seed. */
export interface FaultPlan {
  /**
   * Share of requests to store and broker that fail before they took effect, and again as many whose answer is lost
   * after they did. Each history draws one.
   */
  readonly failureShares: Some<number>
  /** Share of requests that take time, and of answers that do, and how much at most. Each history draws one share. */
  readonly delayShares: Some<number>
  readonly delayMaxMs: number
  /**
   * How often, at most, the broker loses its newest messages, and how many. Half of the histories have it, and keep what
   * they published for that case.
   */
  readonly tailLossesMax: number
  readonly lostMessagesMax: number
  /** Instances at the same time that come and go, at most. */
  readonly instancesMax: number
  readonly endings: Some<Ending>
  readonly freezeMaxMs: number
  /** How often, in half of the histories, somebody replays all that is parked while everything goes on. */
  readonly replaysMax: number
  /** How often, in half of the histories, somebody pauses, throttles or drains something, and takes it back. */
  readonly controlsMax: number
  /** How often, in half of the histories, somebody changes the number of partitions, to 6 at most. */
  readonly repartitionsMax: number
  /** How long instances come and go; then one has to bring everything to its end. */
  readonly unrestMs: number
  /** Writers at the same time, and transactions of each, at most. */
  readonly writersMax: number
  readonly transactionsMax: number
}

/** Shares 0, 0.01 or 0.05 fail, 0 or 0.05 take up to 0.3 s, 3 losses of 12 messages, 3 instances, all endings, 7 s frozen, 3 replays, 3 controls, 2 changes of the partitions, 6 s of unrest, 4 writers, 8 transactions. */
export const faultPlanDefault: FaultPlan = {
  failureShares: [0, 0.01, 0.05],
  delayShares: [0, 0.05],
  delayMaxMs: 300,
  tailLossesMax: 3,
  lostMessagesMax: 12,
  instancesMax: 3,
  endings: ["leave", "crash", "freeze"],
  freezeMaxMs: 7_000,
  replaysMax: 3,
  controlsMax: 3,
  repartitionsMax: 2,
  unrestMs: 6_000,
  writersMax: 4,
  transactionsMax: 8
}
