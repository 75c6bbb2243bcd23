import { Clock, Effect, Layer } from "effect"
import { Inbox, type InboxCommit, type KeyProgress } from "../../pipeline/Inbox.ts"
import { LeaseLost } from "../../pipeline/PipelineError.ts"
import { Transactor } from "../../pipeline/Transactor.ts"
import { park } from "./memoryParking.ts"
import { MemoryState, rowKey } from "./MemoryState.ts"

const untouched: KeyProgress = { version: 0, parked: false }

/** The inbox in memory: effects first, then the fence and everything else in one synchronous step. */
export const layer: Layer.Layer<Inbox, never, MemoryState | Transactor> = Layer.effect(
  Inbox,
  Effect.gen(function* () {
    const state = yield* MemoryState
    const transactor = yield* Transactor

    const before = (commit: InboxCommit, key: string) =>
      state.of(commit.claim.stream).progress.get(rowKey(commit.claim.handler, key)) ?? untouched

    const holds = (commit: InboxCommit) => {
      const { epoch, handler, opening, partition, stream } = commit.claim
      const lease = state.of(stream).leases.get(rowKey(handler, partition))
      const overtaken = commit.moves.some((move) => before(commit, move.key).version !== move.from)
      return lease?.epoch === epoch && lease.opening === opening && lease.cursor === commit.cursorFrom && !overtaken
    }

    const record = (commit: InboxCommit, nowMs: number) => {
      const { claim, cursorTo, moves, parked, violations } = commit
      const { handler, partition, stream } = claim
      const tables = state.of(stream)
      Object.assign(tables.leases.get(rowKey(handler, partition)) ?? {}, { cursor: cursorTo })
      for (const { key, parked: parks, to } of moves) {
        tables.progress.set(rowKey(handler, key), { version: to, parked: parks || before(commit, key).parked })
      }
      for (const one of parked) park(tables, { handler, partition, nowMs }, one)
      tables.violations.push(...violations.map((one) => ({ ...one, handler, seenAtMs: nowMs })))
    }

    const recordIfHeld = (commit: InboxCommit, nowMs: number) => {
      const held = holds(commit)
      if (held) record(commit, nowMs)
      return held
    }

    const recordAll = (commits: ReadonlyArray<InboxCommit>) =>
      Effect.flatMap(Clock.currentTimeMillis, (nowMs) => {
        const fenced = commits.find((commit) => !holds(commit))
        if (fenced !== undefined) return lost(fenced)
        for (const commit of commits) record(commit, nowMs)
        return Effect.void
      })

    const commit: Inbox["Service"]["commit"] = (commits, effects) =>
      // Once recorded it must commit: an interruption in between would undo the effects and keep the progress.
      Effect.uninterruptibleMask((restore) => transactor.run(Effect.andThen(restore(effects), recordAll(commits))))

    return Inbox.of({
      progress: (stream, handler, keys) =>
        Effect.sync(() => keys.map((key) => state.of(stream).progress.get(rowKey(handler, key)) ?? untouched)),
      commitGroup: (commits) =>
        Effect.map(Clock.currentTimeMillis, (nowMs) => commits.map((commit) => recordIfHeld(commit, nowMs))),
      commit,
      commitOne: (one) => Effect.suspend(() => recordAll([one]))
    })
  })
)

const lost = ({ claim }: InboxCommit) =>
  Effect.fail(new LeaseLost({ lease: `${claim.handler}/${claim.partition}`, epoch: claim.epoch }))
