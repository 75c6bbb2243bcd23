import { Effect } from "effect"
import { asideDoorbell } from "../pipeline/AsideWatch.ts"
import { type ControlChange, ControlDesk, type ControlTarget } from "../pipeline/ControlDesk.ts"
import { EventLog } from "../pipeline/EventLog.ts"
import { keysPerActMax, ParkingDesk } from "../pipeline/ParkingDesk.ts"
import type { Counts } from "./History.ts"
import type { Random } from "./Random.ts"

/** Somebody replays all that is parked, whether it will go well or not. */
export const replayAll = Effect.fnUntraced(function* (stream: string, counts: Counts, random: Random) {
  const desk = yield* ParkingDesk
  const log = yield* EventLog
  const by = { actor: "simulation", why: "to see whether it goes well now" }
  const parked = yield* Effect.orDie(desk.list(stream, { status: "parked" }, keysPerActMax))
  const pace = { afterMs: 0, everyMs: random.pick([0, 0, 100]) }
  yield* Effect.orDie(desk.replay(stream, parked, pace, by))
  counts.replayed += parked.length
  yield* log.ring(asideDoorbell(stream))
})

/** Now and then somebody tries, in half of the histories. */
const replays = Effect.fnUntraced(function* (
  replay: Effect.Effect<void>,
  random: Random,
  { replaysMax, unrestMs }: { readonly replaysMax: number; readonly unrestMs: number }
) {
  for (let left = random.between(0, 1) * replaysMax; left > 0; left--) {
    yield* Effect.sleep(random.between(0, unrestMs))
    yield* replay
  }
})

/** Who may be acted on. */
interface Stage {
  readonly stream: string
  readonly handlers: ReadonlyArray<string>
}

type ActAndBack = readonly [ControlTarget, ControlChange, ControlChange]

/** Now and then somebody pauses, throttles or drains something and takes it back, in half of the histories. */
const controls = Effect.fnUntraced(function* ({ handlers, stream }: Stage, random: Random, plan: Operating) {
  const desk = yield* ControlDesk
  const by = { actor: "simulation", why: "to see whether it is in the way" }
  for (let left = random.between(0, 1) * plan.controlsMax; left > 0; left--) {
    yield* Effect.sleep(random.between(0, plan.unrestMs / 2))
    const handler = handlers[random.between(0, handlers.length - 1)] ?? ""
    const [target, change, back] = random.pick<ActAndBack>([
      [{}, { paused: true }, { paused: false }],
      [{ handler }, { paused: true }, { paused: false }],
      [{ handler, partition: 0 }, { paused: true }, { paused: false }],
      [{ handler }, { perSecond: random.between(1, 5) }, { perSecond: null }],
      [{ instance: "veteran" }, { draining: true }, { draining: false }]
    ])
    yield* Effect.orDie(desk.change(stream, "simulated", target, change, by))
    yield* Effect.sleep(random.between(0, 3_000))
    yield* Effect.orDie(desk.change(stream, "simulated", target, back, by))
  }
})

/** Now and then somebody wants another number of partitions, in half of the histories. */
const repartitions = Effect.fnUntraced(function* (stream: string, random: Random, plan: Operating) {
  const desk = yield* ControlDesk
  const by = { actor: "simulation", why: "to see whether order is kept" }
  for (let left = random.between(0, 1) * plan.repartitionsMax; left > 0; left--) {
    yield* Effect.sleep(random.between(0, plan.unrestMs / 2))
    yield* Effect.orDie(desk.repartition(stream, random.between(1, 6), by))
  }
})

interface Operating {
  readonly replaysMax: number
  readonly repartitionsMax: number
  readonly controlsMax: number
  readonly unrestMs: number
}

/** All that operators do while everything goes on. */
export const operating = (stage: Stage, replay: Effect.Effect<void>, random: Random, plan: Operating) =>
  Effect.all([replays(replay, random, plan), controls(stage, random, plan), repartitions(stage.stream, random, plan)], {
    concurrency: "unbounded",
    discard: true
  })

/** Now and then the broker comes back with less than it acknowledged. */
export const tailsGetLost = Effect.fnUntraced(function* (
  loseTail: Effect.Effect<void>,
  random: Random,
  { tailLossesMax, unrestMs }: { readonly tailLossesMax: number; readonly unrestMs: number }
) {
  for (let left = random.between(0, tailLossesMax); left > 0; left--) {
    yield* Effect.sleep(random.between(0, unrestMs / 2))
    yield* loseTail
  }
})

/** Some writers at once, each with one transaction after the other. */
export const writers = <R>(
  write: (random: Random) => Effect.Effect<void, unknown, R>,
  random: Random,
  plan: { readonly transactionsMax: number; readonly writersMax: number }
) => {
  const one = Effect.gen(function* () {
    const transactions = random.between(1, plan.transactionsMax)
    for (let i = 0; i < transactions; i++) {
      if (random.chance(0.6)) yield* Effect.sleep(random.between(0, 700))
      yield* Effect.exit(write(random))
    }
  })
  const all = Array.from({ length: random.between(1, plan.writersMax) }, () => one)
  return Effect.all(all, { concurrency: "unbounded", discard: true })
}
