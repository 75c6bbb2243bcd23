import { type Cause, Deferred, Effect } from "effect"
import { cpuBetween, type CpuTimes, cpuTimes } from "./Cpu.ts"
import type { ServerPids } from "./Servers.ts"

/** What some events took, in microseconds: by the clock, and of the processors. */
export interface Cost {
  readonly events: number
  readonly wall: number
  readonly cpu: CpuTimes
}

/** Much longer than the largest load takes: something is broken then. */
const patience = "2 hours"

interface Mark {
  readonly wall: number
  readonly cpu: CpuTimes
}

/**
 * Measures from the first piece of work to the last one done, so that starting up does not count. It is told of both where
 * they happen: asking the database how far it is would be work of its own, and more of it the more keys there are.
 */
export interface Meter {
  /** Work begins; only the first time counts. */
  readonly begin: () => void
  /** So much of it is done. */
  readonly done: (count: number) => void
  /** When all of it is done. */
  readonly cost: Effect.Effect<Cost, Cause.TimeoutError>
}

/** A meter of so many events, which are done when each was done so many times. */
export const makeMeter = Effect.fnUntraced(function* (pids: ServerPids, events: number, times = 1) {
  const finished = yield* Deferred.make<Cost>()
  const now = (): Mark => ({ cpu: cpuTimes(pids), wall: performance.now() })
  let first: Mark | undefined
  let left = events * times
  const meter: Meter = {
    begin: () => void (first ??= now()),
    done: (count) => {
      left -= count
      if (left > 0 || first === undefined) return
      const last = now()
      Deferred.doneUnsafe(finished, Effect.succeed(costBetween(events, first, last)))
    },
    cost: Effect.timeout(Deferred.await(finished), patience)
  }
  return meter
})

/** What an effect costs that handles so many events. */
export const costOf = Effect.fnUntraced(function* <E, R>(
  pids: ServerPids,
  events: number,
  effect: Effect.Effect<unknown, E, R>
) {
  const meter = yield* makeMeter(pids, events)
  meter.begin()
  yield* effect
  meter.done(events)
  return yield* meter.cost
})

const costBetween = (events: number, from: Mark, to: Mark): Cost => ({
  events,
  wall: (to.wall - from.wall) * 1_000,
  cpu: cpuBetween(from.cpu, to.cpu)
})

/** Several together. */
export const sumOf = (costs: ReadonlyArray<Cost>): Cost => {
  const sum = (of: (cost: Cost) => number) => costs.reduce((all, cost) => all + of(cost), 0)
  // One that is not known makes the sum unknown.
  const known = (of: (cost: Cost) => number | undefined) =>
    costs.some((cost) => of(cost) === undefined) ? undefined : sum((cost) => of(cost) ?? 0)
  return {
    events: sum((cost) => cost.events),
    wall: sum((cost) => cost.wall),
    cpu: {
      millrace: sum((cost) => cost.cpu.millrace),
      postgres: known((cost) => cost.cpu.postgres),
      nats: known((cost) => cost.cpu.nats)
    }
  }
}
