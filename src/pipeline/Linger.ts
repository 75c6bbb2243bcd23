import { Effect, Queue } from "effect"

/** How long the first of a batch waits for others. */
export interface LingerLimits {
  /** When the batch before was small: then nobody else comes soon, and waiting only costs time. */
  readonly minMs: number
  /** When the batch before was large: then statements, not events, fill the machine. */
  readonly maxMs: number
}

/** Items of a batch that earn one more millisecond for the next one. */
const itemsPerMs = 2

/** The wait before the next batch, by the size of the one before: short when there is little to do, longer under load. */
export const lingerAfter = (items: number, { maxMs, minMs }: LingerLimits): number =>
  Math.min(maxMs, minMs + Math.floor(items / itemsPerMs))

/** Waits for company, unless there is a whole batch already: then a wait would only cost time. */
export const linger = <A>(queue: Queue.Queue<A>, ms: () => number, fullAt: number): Effect.Effect<void> =>
  Effect.suspend(() => (Queue.sizeUnsafe(queue) >= fullAt ? Effect.void : rest(ms())))

/** So long; no time at all lets others have their turn, and is not a timer's whole millisecond. */
export const rest = (ms: number): Effect.Effect<void> => (ms === 0 ? Effect.yieldNow : Effect.sleep(ms))
