import { Effect } from "effect"
import type { Figure, Size, Verdict } from "./Row.ts"

/** The middle one. */
export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** A side of a comparison: returns one value per run. */
export interface Side {
  readonly name: string
  readonly unit: string
  readonly run: (run: number) => Effect.Effect<number, unknown>
}

/**
 * Runs the sides in turn, A B A B, so that whatever the machine does meanwhile hits both; the first round warms up and
 * does not count.
 */
export const inTurn = Effect.fnUntraced(function* (sides: ReadonlyArray<Side>, { runs }: Size) {
  const values = sides.map((): Array<number> => [])
  for (let round = 0; round <= runs; round++) {
    for (const [i, side] of sides.entries()) {
      collect()
      const value = yield* side.run(round)
      if (round > 0) values[i]?.push(value)
    }
  }
  return sides.map(({ name, unit }, i): Figure => ({ name, unit, values: values[i] ?? [] }))
})

// Where the flag is set: what one side left behind is not the other's to clear away.
const collect = () => globalThis.gc?.()

/** Ratios of two figures, run by run, and what their median has to be. */
export const ratio = (ours: Figure, other: Figure, atLeast: number, what = `${ours.name} ÷ ${other.name}`): Verdict => {
  const ratios = ours.values.map((value, i) => value / (other.values[i] ?? Number.NaN))
  return {
    target: `${what} ≥ ${atLeast}`,
    measured: `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`,
    held: median(ratios) >= atLeast
  }
}

/** What a figure's median has to be at least, or at most. */
export const bound = (figure: Figure, kind: "≥" | "≤", limit: number): Verdict => {
  const value = median(figure.values)
  return {
    target: `${figure.name} ${kind} ${limit.toLocaleString("en")} ${figure.unit}`,
    measured: `${round(value)} ${figure.unit}`,
    held: kind === "≥" ? value >= limit : value <= limit
  }
}

/** Three figures that matter. */
export const round = (value: number): string =>
  Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3)

/** The figure of that name. */
export const figureOf = (figures: ReadonlyArray<Figure>, name: string): Figure =>
  figures.find((one) => one.name === name) ?? { name, unit: "", values: [] }

/** How long an effect takes, in seconds. */
export const secondsOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<number, E, R> =>
  Effect.suspend(() => {
    const begin = performance.now()
    return Effect.map(effect, () => (performance.now() - begin) / 1_000)
  })
