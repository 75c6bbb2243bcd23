import { Clock, Effect, Layer } from "effect"
import type { StoredEvent } from "../../pipeline/Envelope.ts"
import { type Advance, EventLedger, type LedgerCommit, type LedgerGap } from "../../pipeline/EventLedger.ts"
import type { Claim } from "../../pipeline/Ownership.ts"
import { EventTaken } from "../../pipeline/PipelineError.ts"
import { Transactor } from "../../pipeline/Transactor.ts"
import { park } from "./memoryParking.ts"
import { type MemoryHandled, MemoryState, type MemoryTables, rowKey } from "./MemoryState.ts"

/** The event ledger in memory: effects first, then everything else in one synchronous step. */
export const layer: Layer.Layer<EventLedger, never, MemoryState | Transactor> = Layer.effect(
  EventLedger,
  Effect.gen(function* () {
    const state = yield* MemoryState
    const transactor = yield* Transactor

    const enterAll = (commit: LedgerCommit) =>
      Effect.flatMap(Clock.currentTimeMillis, (nowMs) => {
        const tables = state.of(commit.stream)
        const taken = commit.done.some(({ stored }) => isDone(tables, commit.handler, stored))
        if (taken) return Effect.fail(new EventTaken({ handler: commit.handler }))
        enter(tables, commit, nowMs)
        return Effect.void
      })

    return EventLedger.of({
      start: (stream, handler) =>
        Effect.sync(() => {
          const { leases, relay } = state.of(stream)
          const own = Array.from(
            { length: relay.partitions ?? 0 },
            (_, p) => leases.get(rowKey(handler, p))?.cursor ?? 0
          )
          return { generation: relay.rewinds, afterSeq: own.length === 0 ? 0 : Math.min(...own) }
        }),
      isDone: (stream, handler, events) =>
        Effect.sync(() => events.map((event) => isDone(state.of(stream), handler, event))),
      // Once entered it must commit: an interruption in between would undo the effects and keep the entries.
      commit: (commit, effects) =>
        Effect.uninterruptibleMask((restore) => transactor.run(Effect.andThen(restore(effects), enterAll(commit)))),
      record: (commit) =>
        Effect.map(Clock.currentTimeMillis, (nowMs) => {
          const tables = state.of(commit.stream)
          const done = commit.done.filter(({ stored }) => !isDone(tables, commit.handler, stored))
          const left = new Set(done.map(({ stored }) => stored.eventId))
          const parked = commit.parked.filter(({ event }) => left.has(event.eventId))
          enter(tables, { ...commit, done, parked }, nowMs)
        }),
      advance: (to) => Effect.sync(() => advance(state, to))
    })
  })
)

const isDone = ({ handled, progress }: MemoryTables, handler: string, { key, version }: StoredEvent) =>
  (progress.get(rowKey(handler, key))?.version ?? 0) >= version || handled.has(rowKey(handler, key, version))

const enter = (tables: MemoryTables, { done, handler, parked }: LedgerCommit, nowMs: number) => {
  const partitions = new Map(done.map(({ partition, stored }) => [stored.key, partition]))
  for (const { generation, partition, stored } of done) {
    const { key, seq, version } = stored
    tables.handled.set(rowKey(handler, key, version), { handler, key, version, seq, partition, generation })
  }
  for (const one of parked) park(tables, { handler, partition: partitions.get(one.event.key) ?? 0, nowMs }, one)
}

const holds = ({ leases }: MemoryTables, { epoch, handler, opening, partition }: Claim) => {
  const lease = leases.get(rowKey(handler, partition))
  return lease?.epoch === epoch && lease.opening === opening
}

const advance = (state: MemoryState["Service"], to: Advance): ReadonlyArray<LedgerGap> =>
  to.claims.flatMap((claim) => {
    const tables = state.of(claim.stream)
    const lease = tables.leases.get(rowKey(claim.handler, claim.partition))
    if (lease === undefined || tables.relay.rewinds !== to.generation || !holds(tables, claim)) return []
    lease.cursor = Math.max(lease.cursor, to.afterSeq)
    return sumUp(tables, claim, to)
  })

/** What is behind the floor becomes one version per key. */
const sumUp = (tables: MemoryTables, { handler, partition }: Claim, { afterSeq, generation, isWhole }: Advance) => {
  const own = [...tables.handled.values()].filter((one) => one.handler === handler && one.partition === partition)
  const ripe = own.filter((one) => one.seq <= afterSeq && one.generation === generation)
  const gaps: Array<LedgerGap> = []
  for (const [key, rows] of Map.groupBy(ripe, (one) => one.key)) {
    const top = Math.max(...rows.map(({ version }) => version))
    const at = rowKey(handler, key)
    const before = tables.progress.get(at)?.version ?? 0
    const gone = own.filter((one) => one.key === key && one.version <= top)
    for (const { version } of gone) tables.handled.delete(rowKey(handler, key, version))
    if (top > before) tables.progress.set(at, { version: top, parked: false })
    const gap = gapOf(gone, before, top)
    if (gap === undefined || (before === 0 && (!isWhole || tables.relay.remade))) continue
    gaps.push(gap)
    tables.violations.push({ handler, handledVersion: before, event: evidenceOf(gap) })
  }
  return gaps
}

const gapOf = (gone: ReadonlyArray<MemoryHandled>, before: number, top: number): LedgerGap | undefined => {
  const ahead = gone.filter(({ version }) => version > before)
  const [first] = ahead.toSorted((a, b) => a.version - b.version)
  return first === undefined || ahead.length === top - before
    ? undefined
    : { key: first.key, handledVersion: before, version: first.version }
}

const evidenceOf = ({ key, version }: LedgerGap): StoredEvent => ({
  key,
  version,
  eventId: "",
  type: "",
  traceparent: "",
  payload: "",
  seq: 0,
  outboxId: 0
})
