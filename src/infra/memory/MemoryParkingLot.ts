import { Clock, Effect, Layer, Option } from "effect"
import type { Claim } from "../../pipeline/Ownership.ts"
import { type AsideDone, type AsideFailure, type AsideKey, ParkingLot } from "../../pipeline/ParkingLot.ts"
import { attemptsKeptMax, parkedAs } from "../../pipeline/Parked.ts"
import { KeyChanged, LeaseLost } from "../../pipeline/PipelineError.ts"
import { Transactor } from "../../pipeline/Transactor.ts"
import { type MemoryParkedKey, MemoryState, type MemoryTables, rowKey } from "./MemoryState.ts"

/** The parking lot in memory: each step is one synchronous look or change. */
export const layer: Layer.Layer<ParkingLot, never, MemoryState | Transactor> = Layer.effect(
  ParkingLot,
  Effect.gen(function* () {
    const state = yield* MemoryState
    const transactor = yield* Transactor
    const tablesOf = ({ stream }: Claim) => state.of(stream)

    /** Changes a key that is to be tried, for who owns its partition. */
    const change = (claim: Claim, of: AsideKey, how: (parked: MemoryParkedKey, nowMs: number) => void) =>
      Effect.flatMap(Clock.currentTimeMillis, (nowMs): Effect.Effect<void, KeyChanged | LeaseLost> => {
        const parked = retrying(tablesOf(claim), claim, of.key)
        if (!holds(tablesOf(claim), claim)) return lost(claim)
        if (parked?.generation !== of.generation) return changed(claim, of)
        how(parked, nowMs)
        return Effect.void
      })

    return ParkingLot.of({
      due: (stream, places, keysMax) =>
        Effect.map(Clock.currentTimeMillis, (nowMs) =>
          places.flatMap((place) => dueIn(state.of(stream), [place], nowMs).slice(0, keysMax))
        ),
      count: (stream) => Effect.sync(() => countsOf(state.of(stream))),
      next: (claim, key, eventsMax) =>
        Effect.sync(() =>
          Option.map(
            Option.fromUndefinedOr(retrying(tablesOf(claim), claim, key)),
            ({ attempts, generation, history }) => ({
              attempts,
              generation,
              history,
              events: eventsOf(tablesOf(claim), claim, key).slice(0, eventsMax)
            })
          )
        ),
      begin: (claim, of) => change(claim, of, (parked) => (parked.attempts += 1)),
      withdraw: (claim, of) =>
        Effect.ignore(change(claim, of, (parked) => (parked.attempts = Math.max(0, parked.attempts - 1)))),
      // Once taken away it must commit: an interruption in between would undo the effects and lose the event.
      settle: (claim, done, effects) =>
        Effect.uninterruptibleMask((restore) =>
          transactor.run(
            Effect.andThen(
              restore(effects),
              Effect.suspend(() => takeAway(tablesOf(claim), claim, done))
            )
          )
        ),
      failed: (claim, of, failure) => change(claim, of, (parked, nowMs) => noteFailure(parked, failure, nowMs))
    })
  })
)

const holds = (tables: MemoryTables, { epoch, handler, opening, partition }: Claim) => {
  const lease = tables.leases.get(rowKey(handler, partition))
  return lease?.epoch === epoch && lease.opening === opening
}

const retrying = (tables: MemoryTables, { handler }: Claim, key: string) => {
  const parked = tables.parkedKeys.get(rowKey(handler, key))
  return parked?.status === "retrying" ? parked : undefined
}

const eventsOf = (tables: MemoryTables, { handler }: Claim, key: string) =>
  tables.parked.filter((one) => one.handler === handler && parkedAs(one) === key).map((one) => one.event)

const countsOf = (tables: MemoryTables) =>
  [...Map.groupBy(tables.parked, ({ handler }) => handler)].map(([handler, parked]) => {
    const byKey = Map.groupBy(parked, parkedAs)
    const most = Math.max(...[...byKey.values()].map((events) => events.length))
    return { handler, events: parked.length, eventsOfOneKey: most }
  })

const dueIn = (
  tables: MemoryTables,
  places: ReadonlyArray<{ readonly handler: string; readonly partition: number }>,
  nowMs: number
) => {
  const asked = new Set(places.map(({ handler, partition }) => rowKey(handler, partition)))
  const dueAtMs = (one: MemoryParkedKey) => one.dueAtMs ?? 0
  return [...tables.parkedKeys.values()]
    .filter((one) => one.status === "retrying" && asked.has(rowKey(one.handler, one.partition)))
    .filter((one) => dueAtMs(one) <= nowMs)
    .toSorted((a, b) => dueAtMs(a) - dueAtMs(b))
    .map(({ handler, key, partition }) => ({ handler, key, partition }))
}

const takeAway = (tables: MemoryTables, claim: Claim, done: AsideDone): Effect.Effect<void, KeyChanged | LeaseLost> => {
  const { generation, key, last, version } = done
  const { handler } = claim
  const parked = retrying(tables, claim, key)
  const at = tables.parked.findIndex(
    (one) => one.handler === handler && parkedAs(one) === key && one.event.version === version
  )
  const isThere = version === undefined || at !== -1
  const left = eventsOf(tables, claim, key).length - (at === -1 ? 0 : 1)
  if (!holds(tables, claim)) return lost(claim)
  if (parked?.generation !== generation || !isThere || (last && left > 0)) return changed(claim, done)
  if (at !== -1) tables.parked.splice(at, 1)
  Object.assign(parked, { attempts: 0, history: [] })
  if (last) giveBack(tables, handler, key)
  return Effect.void
}

const giveBack = (tables: MemoryTables, handler: string, key: string) => {
  const at = rowKey(handler, key)
  tables.parkedKeys.delete(at)
  const progress = tables.progress.get(at)
  if (progress !== undefined) tables.progress.set(at, { ...progress, parked: false })
}

const noteFailure = (parked: MemoryParkedKey, { failed, retryInMs, stack }: AsideFailure, nowMs: number) => {
  const { message, tag } = failed
  Object.assign(parked, {
    status: retryInMs === undefined ? "parked" : "retrying",
    dueAtMs: retryInMs === undefined ? undefined : nowMs + retryInMs,
    reason: { tag, message, stack },
    history: [...parked.history, failed].slice(-attemptsKeptMax)
  })
}

const lost = ({ epoch, handler, partition }: Claim) =>
  Effect.fail(new LeaseLost({ lease: `${handler}/${partition}`, epoch }))

const changed = ({ handler }: Claim, { key }: AsideKey) => Effect.fail(new KeyChanged({ handler, key }))
