/**
 * What an event's version says about its place in its key's history. `version` is the last one handled (0: none).
 *
 * `next` runs. `duplicate` was handled before: a redelivery, skipped. `gap` means an earlier event of the key is missing:
 * an order violation that must never happen and stops the key.
 */
export type Verdict = "next" | "duplicate" | "gap"

/** Pure and total: the proof of order, made on every event instead of trusted. */
export const verdict = (handledVersion: number, version: number): Verdict =>
  version === handledVersion + 1 ? "next" : version <= handledVersion ? "duplicate" : "gap"
