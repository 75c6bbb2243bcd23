/** Random histories of a rolling deploy: what an instance can read is a matter of luck for a while. */
import { assert, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as Handler from "../../src/pipeline/Handler.ts"
import { SchemaNewer } from "../../src/pipeline/PipelineError.ts"
import { Transactor } from "../../src/pipeline/Transactor.ts"
import { makeRandom, Simulation } from "../../src/testing/index.ts"
import { parcels3, Sent3 } from "../support/Parcels.ts"

/** So often an event is not read, at most; each time it waits twice as long. */
const refusedMax = 6

const parcels = ["a", "b", "c"] as const

it.live(
  "crashes, freezes and instances that cannot read yet: in order, once, nothing given up",
  () =>
    Effect.gen(function* () {
      const met = { newer: 0 }
      const play = (
        effects: Parameters<Simulation.Scenario<typeof parcels3.events, never>["play"]>[0],
        seed: number
      ) => {
        const luck = makeRandom(seed)
        const refused = new Map<string, number>()
        /** As if an instance that has not been upgraded got it. */
        const mixed = <E, R>(handler: Handler.Handler<E, R>): Handler.Handler<E, R> => ({
          ...handler,
          decode: (stored) => {
            const times = refused.get(stored.eventId) ?? 0
            if (times === refusedMax || !luck.chance(0.4)) return handler.decode(stored)
            refused.set(stored.eventId, times + 1)
            met.newer += 1
            return Result.fail(new SchemaNewer({ type: stored.type, version: 3, known: 2 }))
          }
        })
        const inside = Handler.transactional(parcels3, "inside", {}, () => Effect.void)
        const outside = Handler.external(parcels3, "outside", {}, () => Effect.void)
        const anyhow = Handler.balanced(Handler.transactional(parcels3, "anyhow", {}, () => Effect.void))
        return {
          handlers: [inside, outside, anyhow].map((handler) => effects.observe(mixed(handler))),
          write: Effect.fnUntraced(function* (random: ReturnType<typeof makeRandom>) {
            const { run } = yield* Transactor
            const event = Sent3.make({ parcel: random.pick(parcels), grams: 1, to: { country: "FR" } })
            yield* run(parcels3.append([event]))
          })
        }
      }
      for (let seed = 1; seed <= 60; seed++) {
        const history = yield* Simulation.play({ stream: parcels3, play }, seed)
        assert.deepStrictEqual(history.faults, [], `seed ${seed}`)
        assert.deepStrictEqual(
          [...history.tables.parkedKeys.values()]
            .filter(({ status }) => status === "parked")
            .map(({ reason }) => reason.tag),
          [],
          `seed ${seed}`
        )
      }
      assert.isAbove(met.newer, 500)
    }),
  120_000
)
