import type { LedgerGap } from "./EventLedger.ts"

/** An entry of a ledger behind its floor. */
export interface RipeEntry {
  readonly key: string
  readonly version: number
  readonly seq: number
}

/** How far a key is handled, without a hole. */
export interface KeyTop {
  readonly key: string
  readonly version: number
  readonly seq: number
}

/**
 * What entries behind the floor come to: sequences are in the order of versions, so all that a key has behind it is
 * handled up to the last of them. Pure.
 */
export const topsOf = (ripe: ReadonlyArray<RipeEntry>): ReadonlyArray<KeyTop> => {
  const tops = new Map<string, KeyTop>()
  for (const entry of ripe) if (entry.version > (tops.get(entry.key)?.version ?? 0)) tops.set(entry.key, entry)
  return [...tops.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1))
}

/**
 * Keys with fewer entries than versions between what was handled before and now: an event was acknowledged, or aged out of
 * the stream, and never handled. A key nobody has seen before may begin anywhere unless the stream is whole. Pure.
 */
export const gapsOf = (
  tops: ReadonlyArray<KeyTop>,
  gone: ReadonlyArray<{ readonly key: string; readonly version: number }>,
  before: ReadonlyMap<string, number>,
  isWhole: boolean
): ReadonlyArray<LedgerGap> => {
  const byKey = Map.groupBy(gone, ({ key }) => key)
  return tops.flatMap(({ key, version: top }) => {
    const handledVersion = before.get(key) ?? 0
    const ahead = (byKey.get(key) ?? []).filter(({ version }) => version > handledVersion)
    const isKnown = handledVersion > 0 || isWhole
    if (!isKnown || ahead.length === 0 || ahead.length >= top - handledVersion) return []
    return [{ key, handledVersion, version: Math.min(...ahead.map(({ version }) => version)) }]
  })
}
