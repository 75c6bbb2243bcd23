import { Effect, type Scope } from "effect"
import type { Durability } from "./Durability.ts"
import { median } from "./Measure.ts"
import { cpuOfAll } from "./Cpu.ts"
import type { Cost } from "./Meter.ts"
import type { BenchServers } from "./Servers.ts"

/** How far it goes: to prove that it works, to what a machine does in an hour, or beyond. */
export type Extent = "quick" | "full" | "huge"

/** What was measured once. */
export interface Sample {
  readonly series: string
  readonly size: number
  readonly cost: Cost
}

/** One thing that grows while all others stay, and what an event costs meanwhile. */
export interface Growth {
  readonly name: string
  readonly what: string
  /** What grows, with its unit. */
  readonly axis: string
  readonly sizes: (extent: Extent) => ReadonlyArray<number>
  /**
   * Whether an event is more work the more there is of it, as with a payload's bytes: its cost may then grow as fast and is
   * still linear. Otherwise it may not grow at all.
   */
  readonly isMoreWork: boolean
  readonly settings: (extent: Extent) => string
  /** Measures all sizes once, in this sequence where it may choose. */
  readonly measure: (
    sizes: ReadonlyArray<number>,
    extent: Extent
  ) => Effect.Effect<ReadonlyArray<Sample>, unknown, BenchServers | Scope.Scope>
}

/** Microseconds an event costs at a size: by the clock, and of all processors together where that is known. */
export interface Point {
  readonly size: number
  readonly wall: number
  readonly cpu: number | undefined
}

/** The points of one step, by size. */
export interface Series {
  readonly name: string
  readonly points: ReadonlyArray<Point>
}

/** A growth with what it came to. */
export interface Grown {
  readonly growth: Pick<Growth, "name" | "what" | "axis" | "isMoreWork">
  readonly series: ReadonlyArray<Series>
  readonly settings: string
  readonly durability: Durability
  readonly seconds: number
}

/** Runs it so many times, every other time from the other end, so that a machine that slows down does not look like growth. */
export const measureGrowth = Effect.fnUntraced(function* (growth: Growth, extent: Extent, runs: number) {
  const sizes = growth.sizes(extent)
  const samples: Array<Sample> = []
  for (let round = 0; round < runs; round++) {
    const sequence = round % 2 === 0 ? sizes : sizes.toReversed()
    samples.push(...(yield* Effect.scoped(growth.measure(sequence, extent))))
  }
  return seriesOf(samples)
})

/** Medians of all that was measured at a size. Pure. */
export const seriesOf = (samples: ReadonlyArray<Sample>): ReadonlyArray<Series> => {
  const bySeries = Map.groupBy(samples, ({ series }) => series)
  return [...bySeries].map(([name, own]) => ({
    name,
    points: [...Map.groupBy(own, ({ size }) => size)]
      .map(([size, same]) =>
        pointOf(
          size,
          same.map(({ cost }) => cost)
        )
      )
      .toSorted((a, b) => a.size - b.size)
  }))
}

const pointOf = (size: number, costs: ReadonlyArray<Cost>): Point => {
  const cpus = costs.flatMap(({ cpu, events }) => {
    const all = cpuOfAll(cpu)
    return all === undefined ? [] : [all / events]
  })
  return {
    size,
    wall: median(costs.map(({ events, wall }) => wall / events)),
    cpu: cpus.length === costs.length ? median(cpus) : undefined
  }
}
