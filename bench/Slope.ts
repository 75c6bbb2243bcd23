import { round } from "./Measure.ts"
import type { Growth, Point, Series } from "./Growth.ts"

/** What is left to noise: these machines are shared, and two runs of the same differ by as much. */
const noise = 1.25

/** How the cost of an event went from one size to a larger one. */
export interface Slope {
  readonly first: Point
  readonly last: Point
  /** How many times as much an event costs at the end. */
  readonly times: number
  /**
   * Power of the size that the total goes with: 1 is linear. The total is that of as much load for each unit of the size;
   * where an event itself is more work, of the same events.
   */
  readonly exponent: number
  readonly word: "better than linear" | "linear" | "WORSE THAN LINEAR"
}

const between = (first: Point, last: Point, isMoreWork: boolean): Slope => {
  const times = last.wall / first.wall
  const grown = last.size / first.size
  const perWork = isMoreWork ? times / grown : times
  return {
    first,
    last,
    times,
    exponent: Math.log(times) / Math.log(grown) + (isMoreWork ? 0 : 1),
    word: perWork > noise ? "WORSE THAN LINEAR" : perWork < 1 / noise ? "better than linear" : "linear"
  }
}

/** Compares the ends. Pure; undefined with less than two points. */
export const slopeOf = ({ points }: Series, { isMoreWork }: Pick<Growth, "isMoreWork">): Slope | undefined => {
  const first = points[0]
  const last = points.at(-1)
  return first === undefined || last === undefined || first === last ? undefined : between(first, last, isMoreWork)
}

/** The steepest of its steps, if that is worse than linear: what is fixed at the small end hides it from the whole. */
export const steepestOf = ({ points }: Series, { isMoreWork }: Pick<Growth, "isMoreWork">): Slope | undefined =>
  points
    .slice(1)
    .flatMap((last, i) => {
      const first = points[i]
      return first === undefined ? [] : [between(first, last, isMoreWork)]
    })
    .filter(({ word }) => word === "WORSE THAN LINEAR")
    .toSorted((a, b) => b.exponent - a.exponent)[0]

/** A size for people. */
export const sizeText = (size: number) => size.toLocaleString("en")

/** One line: how it grows, by how much, from where to where. */
export const slopeText = (series: Series, growth: Pick<Growth, "axis" | "isMoreWork">): string => {
  const slope = slopeOf(series, growth)
  if (slope === undefined) return `${series.name}: one point only`
  const { exponent, first, last, times, word } = slope
  const ends = `${round(first.wall)} µs at ${sizeText(first.size)}, ${round(last.wall)} µs at ${sizeText(last.size)} ${growth.axis}`
  return `${series.name}: ${word} (exponent ${exponent.toFixed(2)}): ${ends} (× ${round(times)})${steepText(series, growth, slope)}`
}

const steepText = (series: Series, growth: Pick<Growth, "isMoreWork">, whole: Slope) => {
  const steepest = steepestOf(series, growth)
  if (steepest === undefined || steepest.times === whole.times) return ""
  const { exponent, first, last, times } = steepest
  return `; steepest from ${sizeText(first.size)} to ${sizeText(last.size)}: × ${round(times)} (exponent ${exponent.toFixed(2)})`
}

/** What a plot says, in a sentence. */
export const sentenceOf = (all: ReadonlyArray<Series>, growth: Pick<Growth, "axis" | "isMoreWork">): string => {
  const slopes = all.flatMap((series) => {
    const slope = slopeOf(series, growth)
    return slope === undefined ? [] : [{ name: series.name, ...slope }]
  })
  const [any] = slopes
  if (any === undefined) return "Too few points to say anything."
  const worse = slopes.filter(({ word }) => word === "WORSE THAN LINEAR").map(({ name }) => name)
  const times = slopes.map((slope) => `× ${round(slope.times)} (${slope.name})`).join(", ")
  const sum =
    worse.length === 0
      ? "between the ends nothing grows faster than linearly"
      : `${worse.join(" and ")} grows faster than linearly`
  return `From ${sizeText(any.first.size)} to ${sizeText(any.last.size)} ${growth.axis}, an event comes to cost ${times}: ${sum}.`
}
