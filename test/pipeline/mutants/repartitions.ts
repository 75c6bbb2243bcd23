import { Effect, Layer } from "effect"
import * as MemoryPipeline from "../../../src/infra/memory/MemoryPipeline.ts"
import { MemoryState } from "../../../src/infra/memory/MemoryState.ts"
import { RelayStore } from "../../../src/pipeline/RelayStore.ts"
import { faithful, type Variant } from "../../support/World.ts"

const plan = {
  repartitionsMax: 6,
  transactionsMax: 16,
  delayShares: [0.3],
  delayMaxMs: 1_500,
  replaysMax: 0,
  controlsMax: 0
} as const

type Parts = { readonly store: RelayStore["Service"]; readonly state: MemoryState["Service"] }

const variant = (change: (parts: Parts) => Partial<RelayStore["Service"]>): Variant => ({
  ...faithful,
  plan,
  layer: Layer.effect(
    RelayStore,
    Effect.gen(function* () {
      const parts: Parts = { store: yield* RelayStore, state: yield* MemoryState }
      return RelayStore.of({ ...parts.store, ...change(parts) })
    })
  ).pipe(Layer.provideMerge(MemoryPipeline.layer))
})

/** Handlers go on with the partitions of after while they have not read those of before. */
export const movesTooEarly = variant(({ state, store }) => ({
  settle: (lease, firstSeq) =>
    Effect.suspend(() => {
      const { topologies } = state.of(lease.stream)
      for (const [i, one] of topologies.entries()) topologies[i] = { ...one, ends: one.ends?.map(() => 0) }
      return store.settle(lease, firstSeq)
    })
}))

/** What a handler has put aside stays in the partitions of before. */
export const leavesAsideBehind = variant(({ state, store }) => ({
  settle: (lease, firstSeq) =>
    Effect.suspend(() => {
      const { parkedKeys } = state.of(lease.stream)
      const before = [...parkedKeys]
      return Effect.tap(store.settle(lease, firstSeq), () =>
        Effect.sync(() => {
          for (const [at, one] of before) parkedKeys.set(at, one)
        })
      )
    })
}))
