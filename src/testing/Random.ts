/** At least one of them. */
export type Some<A> = readonly [A, ...Array<A>]

/** Numbers that look random and are the same for the same seed. */
export interface Random {
  /** In [0, 1). */
  readonly next: () => number
  /** A whole number in [minimum, maximum]. */
  readonly between: (minimum: number, maximum: number) => number
  readonly chance: (probability: number) => boolean
  readonly pick: <A>(items: Some<A>) => A
}

/** Numbers that are the same for the same seed. Source: mulberry32 by Tommy Ettinger (public domain). */
export const makeRandom = (seed: number): Random => {
  let state = (seed ^ 0x9e3779b9) >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    const first = Math.imul(state ^ (state >>> 15), state | 1)
    const second = first ^ (first + Math.imul(first ^ (first >>> 7), first | 61))
    return ((second ^ (second >>> 14)) >>> 0) / 4_294_967_296
  }
  const between = (minimum: number, maximum: number) => minimum + Math.floor(next() * (maximum - minimum + 1))
  return {
    next,
    between,
    chance: (probability) => next() < probability,
    pick: (items) => items[between(0, items.length - 1)] ?? items[0]
  }
}
