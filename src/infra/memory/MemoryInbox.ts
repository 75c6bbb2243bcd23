import { Effect, Layer } from "effect"
import { Inbox, type InboxCommit, type KeyProgress } from "../../pipeline/Inbox.ts"
import { LeaseLost } from "../../pipeline/PipelineError.ts"
import { Transactor } from "../../pipeline/Transactor.ts"
import { MemoryState, rowKey } from "./MemoryState.ts"

const untouched: KeyProgress = { version: 0, parked: false }

/** The inbox in memory: effects first, then the fence and everything else in one synchronous step. */
export const layer: Layer.Layer<Inbox, never, MemoryState | Transactor> = Layer.effect(
  Inbox,
  Effect.gen(function* () {
    const state = yield* MemoryState
    const transactor = yield* Transactor

    const record = ({ claim, cursorFrom, cursorTo, moves, parked, violations }: InboxCommit) => {
      const { handler, partition, stream } = claim
      const tables = state.of(stream)
      const lease = tables.leases.get(rowKey(handler, partition))
      const before = (key: string) => tables.progress.get(rowKey(handler, key)) ?? untouched
      const moved = moves.some((move) => before(move.key).version >= move.to)
      if (lease === undefined || lease.epoch !== claim.epoch || lease.cursor !== cursorFrom || moved) return false
      lease.cursor = cursorTo
      for (const { key, parked: parks, to } of moves) {
        tables.progress.set(rowKey(handler, key), { version: to, parked: parks || before(key).parked })
      }
      tables.parked.push(...parked.map((one) => ({ ...one, handler })))
      tables.violations.push(...violations.map((one) => ({ ...one, handler })))
      return true
    }

    return Inbox.of({
      progress: (stream, handler, keys) =>
        Effect.sync(() => keys.map((key) => state.of(stream).progress.get(rowKey(handler, key)) ?? untouched)),
      commitGroup: (commits) => Effect.sync(() => commits.map(record)),
      commit: (commit, effects) =>
        transactor.run(
          Effect.flatMap(effects, () =>
            record(commit)
              ? Effect.void
              : Effect.fail(new LeaseLost({ lease: `${commit.claim.handler}/${commit.claim.partition}`, epoch: commit.claim.epoch }))
          )
        )
    })
  })
)
