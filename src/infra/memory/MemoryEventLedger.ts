import { Clock, Effect, Layer } from "effect"
import type { StoredEvent } from "../../pipeline/Envelope.ts"
import {
  type Advance,
  type Advanced,
  EventLedger,
  type LedgerCommit,
  type LedgerGap,
  noGeneration
} from "../../pipeline/EventLedger.ts"
import { gapsOf, topsOf } from "../../pipeline/LedgerSum.ts"
import type { Claim } from "../../pipeline/Ownership.ts"
import { EventTaken } from "../../pipeline/PipelineError.ts"
import { Transactor } from "../../pipeline/Transactor.ts"
import { park } from "./memoryParking.ts"
import { columnsOf, type MemoryHandled, MemoryState, type MemoryTables, rowKey } from "./MemoryState.ts"

/** The event ledger in memory: effects first, then everything else in one synchronous step. */
export const layer: Layer.Layer<EventLedger, never, MemoryState | Transactor> = Layer.effect(
  EventLedger,
  Effect.gen(function* () {
    const state = yield* MemoryState
    const transactor = yield* Transactor

    const enterAll = (plan: () => LedgerCommit) =>
      Effect.flatMap(Clock.currentTimeMillis, (nowMs) => {
        const commit = plan()
        const tables = state.of(commit.stream)
        const taken = commit.done.some(({ stored }) => isDone(tables, commit.handler, stored))
        if (taken) return Effect.fail(new EventTaken({ handler: commit.handler }))
        enter(tables, commit, nowMs)
        return Effect.void
      })

    return EventLedger.of({
      start: (stream, handler) =>
        Effect.sync(() => {
          const { relay } = state.of(stream)
          const own = leasesOf(state.of(stream), handler).map(({ cursor }) => cursor)
          return { generation: relay.rewinds, afterSeq: own.length === 0 ? 0 : Math.min(...own) }
        }),
      isDone: (stream, handler, events) =>
        Effect.sync(() => events.map((event) => isDone(state.of(stream), handler, event))),
      // Once entered it must commit: an interruption in between would undo the effects and keep the entries.
      commit: (_handler, plan, effects) =>
        Effect.uninterruptibleMask((restore) => transactor.run(Effect.andThen(restore(effects), enterAll(plan)))),
      record: (commit) =>
        Effect.map(Clock.currentTimeMillis, (nowMs) => {
          const tables = state.of(commit.stream)
          const done = commit.done.filter(({ stored }) => !isDone(tables, commit.handler, stored))
          const left = new Set(done.map(({ stored }) => stored.eventId))
          const parked = commit.parked.filter(({ event }) => left.has(event.eventId))
          enter(tables, { ...commit, done, parked }, nowMs)
        }),
      doubt: (stream, handler, events) => Effect.sync(() => doubt(state.of(stream), handler, events)),
      advance: (to) => Effect.map(Clock.currentTimeMillis, (nowMs) => advance(state, to, nowMs))
    })
  })
)

const isDone = (
  { handled, progress }: MemoryTables,
  handler: string,
  { key, version }: Pick<StoredEvent, "key" | "version">
) => (progress.get(rowKey(handler, key))?.version ?? 0) >= version || handled.has(rowKey(handler, key, version))

const enter = (tables: MemoryTables, { done, handler, parked }: LedgerCommit, nowMs: number) => {
  const partitions = new Map(done.map(({ partition, stored }) => [stored.key, partition]))
  for (const { generation, stored } of done) {
    const { key, seq, version } = stored
    tables.handled.set(rowKey(handler, key, version), { handler, key, version, seq, generation })
  }
  for (const one of parked) park(tables, { handler, partition: partitions.get(one.event.key) ?? 0, nowMs }, one)
}

const doubt = (
  { handled }: MemoryTables,
  handler: string,
  events: ReadonlyArray<Pick<StoredEvent, "key" | "version">>
) => {
  for (const { key, version } of events) {
    const at = rowKey(handler, key, version)
    const entry = handled.get(at)
    if (entry !== undefined) handled.set(at, { ...entry, generation: noGeneration })
  }
}

const holds = ({ leases }: MemoryTables, { epoch, handler, opening, partition }: Claim) => {
  const lease = leases.get(rowKey(handler, partition))
  return lease?.epoch === epoch && lease.opening === opening
}

const leasesOf = ({ leases }: MemoryTables, handler: string) =>
  [...leases].flatMap(([at, lease]) => (columnsOf(at)[0] === handler ? [lease] : []))

const advance = (state: MemoryState["Service"], to: Advance, nowMs: number): Advanced => {
  const { afterSeq, claim, firstSeq, generation, isProven } = to
  const tables = state.of(claim.stream)
  const lease = tables.leases.get(rowKey(claim.handler, claim.partition))
  if (lease === undefined || tables.relay.rewinds !== generation || !holds(tables, claim)) return { _tag: "refused" }
  const floor = Math.max(lease.cursor, firstSeq - 1)
  const own = [...tables.handled.values()].filter((one) => one.handler === claim.handler)
  const current = own.filter((one) => one.generation === generation && one.seq <= afterSeq)
  const entered = current.filter(({ seq }) => seq > floor).length
  if (!isProven && entered < afterSeq - floor) return { _tag: "unproven", afterSeq: floor }
  for (const other of leasesOf(tables, claim.handler)) other.cursor = Math.max(other.cursor, afterSeq)
  return { _tag: "moved", gaps: sumUp(tables, to, current, own, nowMs) }
}

/** What is behind the floor becomes one version per key. */
const sumUp = (
  tables: MemoryTables,
  { claim: { handler }, firstSeq }: Advance,
  ripe: ReadonlyArray<MemoryHandled>,
  own: ReadonlyArray<MemoryHandled>,
  nowMs: number
) => {
  const tops = topsOf(ripe)
  const topOf = new Map(tops.map(({ key, version }) => [key, version]))
  const before = new Map(tops.map(({ key }) => [key, tables.progress.get(rowKey(handler, key))?.version ?? 0]))
  const gone = own.filter(({ key, version }) => version <= (topOf.get(key) ?? 0))
  for (const { key, version } of gone) tables.handled.delete(rowKey(handler, key, version))
  for (const { key, version } of tops) {
    if (version > (before.get(key) ?? 0)) tables.progress.set(rowKey(handler, key), { version, parked: false })
  }
  const gaps = gapsOf(tops, gone, before, firstSeq <= 1 && !tables.relay.remade)
  tables.violations.push(
    ...gaps.map((gap) => ({ handler, handledVersion: gap.handledVersion, event: evidenceOf(gap), seenAtMs: nowMs }))
  )
  return gaps
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
