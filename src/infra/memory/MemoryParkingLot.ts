import { Clock, Effect, Layer, Option } from "effect"
import type { Claim } from "../../pipeline/Ownership.ts"
import { type AsideDone, ParkingLot } from "../../pipeline/ParkingLot.ts"
import { attemptsKeptMax } from "../../pipeline/Parked.ts"
import { LeaseLost } from "../../pipeline/PipelineError.ts"
import { Transactor } from "../../pipeline/Transactor.ts"
import { MemoryState, rowKey } from "./MemoryState.ts"

/** The parking lot in memory: each step is one synchronous look or change. */
export const layer: Layer.Layer<ParkingLot, never, MemoryState | Transactor> = Layer.effect(
  ParkingLot,
  Effect.gen(function* () {
    const state = yield* MemoryState
    const transactor = yield* Transactor

    const holds = ({ epoch, handler, opening, partition, stream }: Claim) => {
      const lease = state.of(stream).leases.get(rowKey(handler, partition))
      return lease?.epoch === epoch && lease.opening === opening
    }

    const retrying = ({ handler, stream }: Claim, key: string) => {
      const parked = state.of(stream).parkedKeys.get(rowKey(handler, key))
      return parked?.status === "retrying" ? parked : undefined
    }

    const eventsOf = ({ handler, stream }: Claim, key: string) =>
      state
        .of(stream)
        .parked.filter((one) => one.handler === handler && one.event.key === key)
        .map((one) => one.event)

    const takeAway = (claim: Claim, { key, last, version }: AsideDone) =>
      Effect.suspend(() => {
        const { handler, stream } = claim
        const tables = state.of(stream)
        const parked = retrying(claim, key)
        const at = tables.parked.findIndex(
          (one) => one.handler === handler && one.event.key === key && one.event.version === version
        )
        const left = eventsOf(claim, key).length - (at === -1 ? 0 : 1)
        if (!holds(claim) || parked === undefined || (version !== undefined && at === -1) || (last && left > 0))
          return lost(claim)
        if (at !== -1) tables.parked.splice(at, 1)
        Object.assign(parked, { attempts: 0, history: [] })
        if (!last) return Effect.void
        tables.parkedKeys.delete(rowKey(handler, key))
        const progress = tables.progress.get(rowKey(handler, key))
        tables.progress.set(rowKey(handler, key), { version: progress?.version ?? 0, parked: false })
        return Effect.void
      })

    return ParkingLot.of({
      due: (stream, places, keysMax) =>
        Effect.map(Clock.currentTimeMillis, (nowMs) => {
          const asked = new Set(places.map(({ handler, partition }) => rowKey(handler, partition)))
          return [...state.of(stream).parkedKeys.values()]
            .filter((one) => one.status === "retrying" && asked.has(rowKey(one.handler, one.partition)))
            .filter((one) => (one.dueAtMs ?? 0) <= nowMs)
            .toSorted((a, b) => (a.dueAtMs ?? 0) - (b.dueAtMs ?? 0))
            .slice(0, keysMax)
            .map(({ handler, key, partition }) => ({ handler, key, partition }))
        }),
      next: (claim, key, eventsMax) =>
        Effect.sync(() =>
          Option.map(Option.fromUndefinedOr(retrying(claim, key)), ({ attempts, generation, history }) => ({
            attempts,
            generation,
            history,
            events: eventsOf(claim, key).slice(0, eventsMax)
          }))
        ),
      begin: (claim, key) =>
        Effect.suspend(() => {
          const parked = retrying(claim, key)
          if (!holds(claim) || parked === undefined) return lost(claim)
          parked.attempts += 1
          return Effect.void
        }),
      withdraw: (claim, key) =>
        Effect.sync(() => {
          const parked = retrying(claim, key)
          if (holds(claim) && parked !== undefined) parked.attempts = Math.max(0, parked.attempts - 1)
        }),
      // Once taken away it must commit: an interruption in between would undo the effects and lose the event.
      settle: (claim, done, effects) =>
        Effect.uninterruptibleMask((restore) =>
          transactor.run(Effect.andThen(restore(effects), takeAway(claim, done)))
        ),
      failed: (claim, key, { failed, retryInMs, stack }) =>
        Effect.flatMap(Clock.currentTimeMillis, (nowMs) => {
          const parked = retrying(claim, key)
          if (!holds(claim) || parked === undefined) return lost(claim)
          const { message, tag } = failed
          Object.assign(parked, {
            status: retryInMs === undefined ? "parked" : "retrying",
            dueAtMs: retryInMs === undefined ? undefined : nowMs + retryInMs,
            reason: { tag, message, stack },
            history: [...parked.history, failed].slice(-attemptsKeptMax)
          })
          return Effect.void
        })
    })
  })
)

const lost = ({ epoch, handler, partition }: Claim) =>
  Effect.fail(new LeaseLost({ lease: `${handler}/${partition}`, epoch }))
