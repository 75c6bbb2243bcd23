/** What grows by being set: each point is a load on a stream of its own. */
import { Effect } from "effect"
import { partitions } from "../Fixture.ts"
import type { Extent, Growth, Sample } from "../Growth.ts"
import { type Load, type Phases, phases, streamBytesOf, usual } from "../Phases.ts"
import { sumOf } from "../Meter.ts"
import { scratch } from "../Scratch.ts"

type Step = keyof Phases

const all: ReadonlyArray<Step> = ["append", "relay", "consume"]

/** Below it a point is measured several times over: a handful of batches is too little to tell. */
const eventsMin = 5_000

/** Measures loads one after the other. */
const byLoad = (steps: ReadonlyArray<Step>, loadOf: (size: number, extent: Extent) => Load): Growth["measure"] =>
  Effect.fnUntraced(function* (sizes, extent) {
    const samples: Array<Sample> = []
    for (const size of sizes) {
      const load = loadOf(size, extent)
      const times = Math.ceil(eventsMin / load.events)
      const costs = yield* Effect.forEach(Array.from({ length: times }), () => once(load))
      samples.push(...steps.map((series) => ({ series, size, cost: sumOf(costs.map((cost) => cost[series])) })))
    }
    return samples
  })

const once = (load: Load) =>
  Effect.gen(function* () {
    const { services, stream } = yield* scratch("growth", streamBytesOf(load))
    return yield* phases(services, stream, load)
  }).pipe(Effect.scoped)

const isQuick = (extent: Extent) => extent === "quick"

const upTo = (max: number, step: number, from: number): ReadonlyArray<number> =>
  from > max ? [] : [from, ...upTo(max, step, from * step)]

const keysLoad = (keys: number, extent: Extent): Load => ({
  ...usual,
  events: isQuick(extent) ? 20_000 : 1_000_000,
  keys
})

export const keysGrowth: Growth = {
  name: "keys",
  what: "more keys, as many events",
  axis: "keys",
  sizes: (extent) => upTo(isQuick(extent) ? 10_000 : 1_000_000, 10, 100),
  isMoreWork: false,
  settings: (extent) =>
    `${keysLoad(0, extent).events.toLocaleString("en")} events of ${usual.bytes} B, their keys scattered: with as many keys as events each row of a key is inserted, with fewer it is updated`,
  measure: byLoad(all, keysLoad)
}

const partitionsLoad = (count: number, extent: Extent): Load => ({
  ...usual,
  events: isQuick(extent) ? 20_000 : 200_000,
  partitions: count
})

export const partitionsGrowth: Growth = {
  name: "partitions",
  what: "more partitions, one process",
  axis: "partitions",
  sizes: (extent) => upTo(isQuick(extent) ? 64 : 256, 4, 1),
  isMoreWork: false,
  settings: (extent) =>
    `${partitionsLoad(1, extent).events.toLocaleString("en")} events of ${usual.bytes} B, ${usual.keys.toLocaleString("en")} keys`,
  measure: byLoad(["relay", "consume"], partitionsLoad)
}

const handlersLoad = (handlers: number, extent: Extent): Load => ({
  ...usual,
  events: isQuick(extent) ? 10_000 : 100_000,
  handlers
})

export const handlersGrowth: Growth = {
  name: "handlers",
  what: "more handlers, each gets every event",
  axis: "handlers",
  sizes: () => [1, 2, 4, 8],
  isMoreWork: true,
  settings: (extent) =>
    `${handlersLoad(1, extent).events.toLocaleString("en")} events of ${usual.bytes} B, ${usual.keys.toLocaleString("en")} keys, ${partitions} partitions; an event is done when the last handler has its effect`,
  measure: byLoad(["consume"], handlersLoad)
}

const payloadLoad = (bytes: number, extent: Extent): Load => ({
  ...usual,
  events: isQuick(extent) ? 2_000 : 20_000,
  bytes,
  // As many as fit into one statement at the largest size.
  perTransaction: 100
})

export const payloadGrowth: Growth = {
  name: "payload",
  what: "larger payloads",
  axis: "bytes of payload",
  sizes: (extent) => upTo(65_536, isQuick(extent) ? 16 : 4, 256),
  isMoreWork: true,
  settings: (extent) =>
    `${payloadLoad(0, extent).events.toLocaleString("en")} events that do not compress, 100 per transaction, ${usual.keys.toLocaleString("en")} keys, ${partitions} partitions`,
  measure: byLoad(all, payloadLoad)
}

const backlogMax: { readonly [E in Extent]: number } = { quick: 100_000, full: 1_000_000, huge: 10_000_000 }

export const backlogGrowth: Growth = {
  name: "backlog",
  what: "a longer backlog, in the outbox and then in the stream",
  axis: "events waiting",
  sizes: (extent) => upTo(backlogMax[extent], 10, 1_000),
  isMoreWork: false,
  settings: () => `events of ${usual.bytes} B, ${usual.keys.toLocaleString("en")} keys, ${partitions} partitions`,
  measure: byLoad(["relay", "consume"], (events) => ({ ...usual, events }))
}
