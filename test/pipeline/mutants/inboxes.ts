import { Effect, Layer } from "effect"
import * as MemoryPipeline from "../../../src/infra/memory/MemoryPipeline.ts"
import { MemoryState, type MemoryTables, rowKey } from "../../../src/infra/memory/MemoryState.ts"
import { Inbox, type InboxCommit } from "../../../src/pipeline/Inbox.ts"
import { Transactor } from "../../../src/pipeline/Transactor.ts"
import { faithful, type Variant } from "../../support/World.ts"

type Parts = {
  readonly inner: Inbox["Service"]
  readonly run: Transactor["Service"]["run"]
  readonly state: MemoryState["Service"]
}

const variant = (change: (parts: Parts) => Partial<Inbox["Service"]>): Variant => ({
  ...faithful,
  layer: Layer.effect(
    Inbox,
    Effect.gen(function* () {
      const inner = yield* Inbox
      const { run } = yield* Transactor
      const state = yield* MemoryState
      return Inbox.of({ ...inner, ...change({ inner, run, state }) })
    })
  ).pipe(Layer.provideMerge(MemoryPipeline.layer))
})

/** Effects are committed by themselves, and what records them follows, as far behind as a second transaction is. */
export const effectsBeforeProgress = variant(({ inner, run }) => ({
  commit: (commits, effects) =>
    run(effects).pipe(Effect.andThen(Effect.sleep("40 millis")), Effect.andThen(inner.commit(commits, Effect.void)))
}))

/** The record is committed first, and the effects follow: an acknowledgement before the commit. */
export const progressBeforeEffects = variant(({ inner, run }) => ({
  commit: (commits, effects) => Effect.andThen(inner.commit(commits, Effect.void), run(effects))
}))

/** Whoever commits, commits: no epoch, no expected cursor, no guard on a key's progress. */
export const noFence: Variant = {
  ...variant(({ run, state }) => ({
    commit: (commits, effects) =>
      run(
        Effect.andThen(
          effects,
          Effect.sync(() => commits.forEach((commit) => record(state.of(commit.claim.stream), commit)))
        )
      ),
    commitGroup: (commits) =>
      Effect.sync(() =>
        commits.map((commit) => {
          record(state.of(commit.claim.stream), commit)
          return true
        })
      )
  })),
  plan: {
    endings: ["freeze"],
    delayShares: [0.1],
    failureShares: [0],
    tailLossesMax: 0,
    replaysMax: 0,
    controlsMax: 0,
    repartitionsMax: 0
  }
}

const record = (tables: MemoryTables, { claim, cursorTo, moves, parked, violations }: InboxCommit) => {
  const { handler, partition } = claim
  Object.assign(tables.leases.get(rowKey(handler, partition)) ?? {}, { cursor: cursorTo })
  for (const { key, parked: parks, to } of moves) {
    const before = tables.progress.get(rowKey(handler, key))?.parked === true
    tables.progress.set(rowKey(handler, key), { version: to, parked: parks || before })
  }
  tables.parked.push(...parked.map((one) => ({ ...one, handler })))
  tables.violations.push(...violations.map((one) => ({ ...one, handler, seenAtMs: 0 })))
}
