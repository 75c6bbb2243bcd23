/** An effect as a handler made it. */
export interface EffectRecord {
  readonly key: string
  readonly version: number
  readonly eventId: string
  /** Grows with every effect of the handler: who has the smaller one happened first. */
  readonly position: number
}

/** What was committed: how many events each key has. */
export type Committed = ReadonlyMap<string, number>

/** Something that must never be: an effect lost, doubled, out of order, or of an event that was not committed. */
export interface Fault {
  readonly kind: "lost" | "duplicated" | "out of order" | "phantom"
  readonly key: string
  readonly version: number
}

/** The oracle's judgement over a whole history. `ok` only if there is no fault at all. */
export interface Judgement {
  readonly ok: boolean
  readonly committed: number
  readonly effects: number
  readonly lost: number
  readonly duplicated: number
  readonly outOfOrder: number
  readonly phantom: number
  /** The first faults, for a person to look at. */
  readonly faults: ReadonlyArray<Fault>
}

/** Faults that a judgement names, the first so many; all of them are counted. */
export const faultsShownMax = 20

/**
 * Judges one handler's effects against what was committed: every committed version of every key has exactly one effect,
 * first effects of a key are in version order, and nothing has an effect that was never committed.
 */
export const judge = (committed: Committed, effects: ReadonlyArray<EffectRecord>): Judgement => {
  const byKey = Map.groupBy(
    effects.toSorted((a, b) => a.position - b.position),
    (effect) => effect.key
  )
  const known = [...committed].flatMap(([key, versions]) => judgeKey(key, versions, byKey.get(key) ?? []))
  const unknown = effects
    .filter((effect) => !committed.has(effect.key))
    .map((effect): Fault => faultOf("phantom", effect))
  const faults = [...known, ...unknown]
  const count = (kind: Fault["kind"]) => faults.filter((fault) => fault.kind === kind).length
  return {
    ok: faults.length === 0,
    committed: [...committed.values()].reduce((sum, versions) => sum + versions, 0),
    effects: effects.length,
    lost: count("lost"),
    duplicated: count("duplicated"),
    outOfOrder: count("out of order"),
    phantom: count("phantom"),
    faults: faults.slice(0, faultsShownMax)
  }
}

const judgeKey = (key: string, versions: number, effects: ReadonlyArray<EffectRecord>): ReadonlyArray<Fault> => {
  const seen = new Set<number>()
  const faults: Array<Fault> = []
  let highest = 0
  for (const effect of effects) {
    if (effect.version > versions || effect.version < 1) faults.push(faultOf("phantom", effect))
    else if (seen.has(effect.version)) faults.push(faultOf("duplicated", effect))
    else if (effect.version < highest) faults.push(faultOf("out of order", effect))
    seen.add(effect.version)
    highest = Math.max(highest, effect.version)
  }
  for (let version = 1; version <= versions; version++)
    if (!seen.has(version)) faults.push({ kind: "lost", key, version })
  return faults
}

const faultOf = (kind: Fault["kind"], { key, version }: EffectRecord): Fault => ({ kind, key, version })
