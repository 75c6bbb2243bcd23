import { Clock, Duration, Effect, Layer } from "effect"
import type { OutboxRow } from "../../pipeline/Envelope.ts"
import { LeaseLost } from "../../pipeline/PipelineError.ts"
import {
  type RelayLease,
  type RelayPosition,
  RelayStore,
  type Renewed,
  type RowRef
} from "../../pipeline/RelayStore.ts"
import { adopt, isUnsettled, settle, topologyIn } from "./memoryRepartition.ts"
import { leaseTtlMs, type MemoryRelay, MemoryState, type MemoryTables } from "./MemoryState.ts"

/** The relay's state in memory. Every operation is one synchronous step, so it is as atomic as a statement. */
export const layer: Layer.Layer<RelayStore, never, MemoryState> = Layer.effect(
  RelayStore,
  Effect.gen(function* () {
    const state = yield* MemoryState

    const fenced = makeFence(state)

    return RelayStore.of({
      position: (stream) => Effect.sync(() => positionOf(state.of(stream).relay)),
      leader: (stream) =>
        Effect.map(Clock.currentTimeMillis, (nowMs) => {
          const { relay } = state.of(stream)
          return relay.expiresAtMs < nowMs ? undefined : relay.owner
        }),
      acquire: (stream, owner) =>
        Effect.map(Clock.currentTimeMillis, (nowMs) => {
          const { relay } = state.of(stream)
          if (relay.expiresAtMs > nowMs) return undefined
          Object.assign(relay, { owner, epoch: relay.epoch + 1, expiresAtMs: nowMs + leaseTtlMs })
          return { stream, epoch: relay.epoch }
        }),
      renew: (lease) =>
        fenced(lease, (tables, nowMs) => {
          tables.relay.expiresAtMs = nowMs + leaseTtlMs
          return renewedOf(tables)
        }),
      read: (stream, limit, underWay) =>
        Effect.sync(() => waitingIn(state.of(stream), new Set(underWay)).slice(0, limit)),
      acknowledge: (lease, from, to, rows, keep) =>
        fenced(lease, (tables, nowMs) => {
          if (!move(tables.relay, from, to, nowMs)) return undefined
          return rows.filter((ref) => remove(tables, ref, keep ? nowMs : undefined)).length
        }),
      rewind: (lease, from, to) => fenced(lease, (tables, nowMs) => rewind(tables, from, to, nowMs)),
      adopt: (lease, ended, next) =>
        Effect.asVoid(
          fenced(lease, (tables) => {
            adopt(tables, ended, next)
            return true
          })
        ),
      settle: (lease, firstSeq) => fenced(lease, (tables, nowMs) => settle(tables, firstSeq, nowMs)),
      furthestCursor: (stream) => Effect.sync(() => furthestOf(state.of(stream))),
      forget: (lease, olderThan) =>
        Effect.map(Clock.currentTimeMillis, (nowMs) =>
          forget(state.of(lease.stream), lease.epoch, nowMs - Duration.toMillis(olderThan))
        ),
      hold: (stream, row, reason) =>
        Effect.sync(() => {
          const { held } = state.of(stream)
          held.set(row.key, { fromId: Math.min(row.id, held.get(row.key)?.fromId ?? row.id), reason })
        }),
      release: (lease) =>
        fenced(lease, ({ relay }) => {
          Object.assign(relay, { owner: undefined, expiresAtMs: 0 })
          return true
        }).pipe(Effect.ignore)
    })
  })
)

const waitingIn = ({ held, outbox }: MemoryTables, skipped: ReadonlySet<number>): ReadonlyArray<OutboxRow> =>
  [...outbox.values()]
    .filter((row) => !skipped.has(row.id) && row.id < (held.get(row.key)?.fromId ?? Number.POSITIVE_INFINITY))
    .sort((a, b) => a.id - b.id)
    .map(({ again: _, appendedAtMs: __, ...row }) => row)

const renewedOf = (tables: MemoryTables): Renewed => {
  const { outbox, relay, topologies } = tables
  const unmeasured = topologies.filter(({ ends }) => ends === undefined)
  return {
    position: positionOf(relay),
    waiting: outbox.size > 0,
    topology: topologyIn(tables),
    unmeasured: unmeasured.map(({ first, partitions }) => ({ first, partitions })),
    wanted: relay.wanted === relay.partitions ? undefined : relay.wanted,
    unsettled: isUnsettled(tables)
  }
}

const furthestOf = ({ handled, leases, relay }: MemoryTables) => {
  const entered = [...handled.values()].filter(({ generation }) => generation === relay.rewinds)
  return Math.max(0, ...[...leases.values()].map(({ cursor }) => cursor), ...entered.map(({ seq }) => seq))
}

const positionOf = ({ lastSeq, streamCreated }: MemoryRelay): RelayPosition => ({ lastSeq, streamCreated })

const makeFence =
  (state: MemoryState["Service"]) =>
  <A>(lease: RelayLease, act: (tables: MemoryTables, nowMs: number) => A | undefined) =>
    Effect.flatMap(Clock.currentTimeMillis, (nowMs) => {
      const tables = state.of(lease.stream)
      const done = tables.relay.epoch === lease.epoch ? act(tables, nowMs) : undefined
      return done === undefined
        ? Effect.fail(new LeaseLost({ lease: `relay of ${lease.stream}`, epoch: lease.epoch }))
        : Effect.succeed(done)
    })

const move = (relay: MemoryRelay, from: RelayPosition, to: RelayPosition, nowMs: number) => {
  if (relay.lastSeq !== from.lastSeq || relay.streamCreated !== from.streamCreated) return false
  Object.assign(relay, { lastSeq: to.lastSeq, streamCreated: to.streamCreated, expiresAtMs: nowMs + leaseTtlMs })
  return true
}

const remove = ({ outbox, published }: MemoryTables, ref: RowRef, keptAtMs: number | undefined) => {
  const row = outbox.get(ref.outboxId)
  if (row?.eventId !== ref.eventId) return false
  if (keptAtMs !== undefined) published.set(row.id, { ...row, seq: ref.seq, publishedAtMs: keptAtMs })
  return outbox.delete(ref.outboxId)
}

const rewind = (tables: MemoryTables, from: RelayPosition, to: RelayPosition, nowMs: number) => {
  if (!move(tables.relay, from, to, nowMs)) return undefined
  tables.relay.rewinds += 1
  if (from.streamCreated !== "" && from.streamCreated !== to.streamCreated) tables.relay.remade = true
  for (const row of tables.leases.values())
    Object.assign(row, { cursor: Math.min(row.cursor, to.lastSeq), opening: row.opening + 1 })
  const { topologies } = tables
  const cut = topologies.map((one) =>
    Math.max(0, ...(one.ends ?? [])) > to.lastSeq ? { ...one, ends: undefined } : one
  )
  topologies.splice(0, topologies.length, ...cut)
  return putBack(tables, to.lastSeq)
}

const forget = ({ published, relay }: MemoryTables, epoch: number, publishedBeforeMs: number) => {
  if (relay.epoch !== epoch) return 0
  const old = [...published.values()].filter(
    (row) => row.seq <= relay.lastSeq && row.publishedAtMs <= publishedBeforeMs
  )
  return old.filter((row) => published.delete(row.id)).length
}

const putBack = ({ outbox, published }: MemoryTables, lastSeq: number) => {
  const back = [...published.values()].filter((row) => row.seq > lastSeq)
  for (const { publishedAtMs: _, seq: _seq, ...row } of back) {
    published.delete(row.id)
    outbox.set(row.id, { ...row, again: true })
  }
  return back.length
}
