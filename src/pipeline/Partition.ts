import { Predicate } from "effect"

/** Slots a key can fall into. Stored on every outbox row, therefore fixed for ever. */
export const slotCount = 1024

const encoder = new TextEncoder()

/**
 * The key's slot, 0 to 1023: 32-bit FNV-1a over its UTF-8 bytes, modulo 1,024.
 * It must never change: rows and messages written by earlier versions carry its result.
 *
 * Source: FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv (offset basis 0x811c9dc5, prime 0x01000193).
 */
export const slotOf = (key: string): number => fnv1a(key) % slotCount

/** 32-bit FNV-1a over the UTF-8 bytes of a text, as an unsigned integer. */
export const fnv1a = (text: string): number =>
  encoder.encode(text).reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193) >>> 0, 0x811c9dc5)

/**
 * The partitions of a stream between two changes of their number: `first`, and as many as `partitions` from there on. A
 * number is never given twice, so that who reads a partition of before never meets an event of after.
 */
export interface Topology {
  readonly first: number
  readonly partitions: number
}

/** A topology nothing is published to any more. `ends`: the last sequence of each of its partitions; 0: it has none. */
export interface EndedTopology extends Topology {
  readonly ends: ReadonlyArray<number>
}

/** The topology behind another one. */
export const nextTopology = ({ first, partitions }: Topology, wanted: number): Topology => ({
  first: first + partitions,
  partitions: wanted
})

/** The partitions of a topology, by number. */
export const partitionsIn = ({ first, partitions }: Topology): ReadonlyArray<number> =>
  Array.from({ length: partitions }, (_, i) => first + i)

/** The partition a slot belongs to; without `first` in the topology a stream begins with. */
export const partitionOf = (
  slot: number,
  { first = 0, partitions }: Partial<Topology> & { partitions: number }
): number => first + (slot % partitions)

/**
 * The instance that should own a partition: the highest rendezvous weight among the live ones. Every instance computes
 * the same answer from the same set, and a change of the set moves only the partitions of the instance that came or went.
 *
 * Source: Thaler and Ravishankar, "Using name-based mappings to increase hit rates" (1998); the finaliser is murmur3's.
 */
export const rendezvousOwner = (
  handler: string,
  partition: number,
  instances: ReadonlyArray<string>
): string | undefined => {
  const ranked = instances.map((instance) => ({ instance, weight: mix(fnv1a(`${instance}/${handler}/${partition}`)) }))
  const best = ranked.reduce<(typeof ranked)[number] | undefined>(
    (top, next) => (Predicate.isUndefined(top) || isHeavier(next, top) ? next : top),
    undefined
  )
  return best?.instance
}

interface Ranked {
  readonly instance: string
  readonly weight: number
}

const isHeavier = (a: Ranked, b: Ranked) => a.weight > b.weight || (a.weight === b.weight && a.instance > b.instance)

const mix = (hash: number): number => {
  const first = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b) >>> 0
  return Math.imul(first ^ (first >>> 13), 0xc2b2ae35) >>> 0
}
