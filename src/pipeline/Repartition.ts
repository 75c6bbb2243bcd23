import { Duration, Effect, Schedule } from "effect"
import { rebalanceDoorbell } from "./Doorbell.ts"
import { EventLog, type LogInfo } from "./EventLog.ts"
import type { Leader } from "./Leader.ts"
import { nextTopology, type Topology } from "./Partition.ts"
import { RelayStore, type Renewed } from "./RelayStore.ts"
import { signal } from "./Signals.ts"

/** Between two looks whether handlers have come to the end of partitions of before: soon behind something, later apart. */
const looks = { minMs: 200, maxMs: 1_000 }

/** What the leader publishes to, as the store has it. */
export const topologyOf = ({ declaration }: Leader): Topology => ({
  first: declaration.first ?? 0,
  partitions: declaration.partitions
})

/** Takes over what a renewal says of the partitions. */
export const learnTopology = (leader: Leader, { topology, unsettled }: Renewed) => {
  if (topology !== undefined) leader.declaration = { ...leader.declaration, ...topology }
  leader.unsettled = unsettled
}

/**
 * Begins with other partitions: a mark in the stream, which nothing that is under way to those of before can come behind.
 * What follows from it is done by reconciling, which finds the mark whoever made it.
 */
export const markTopology = Effect.fnUntraced(function* (leader: Leader) {
  const store = yield* RelayStore
  // Asked again: what a renewal has said may have been done meanwhile.
  const { topology = topologyOf(leader), wanted } = yield* store.renew(leader.lease)
  leader.wanted = undefined
  if (wanted === undefined) return
  yield* mark(leader, nextTopology(topology, wanted))
  leader.dirty = "the number of partitions changes"
})

/** A mark carries all topologies there were: whoever was away for several of them needs the newest only. */
const mark = Effect.fnUntraced(function* (leader: Leader, next: Topology) {
  const log = yield* EventLog
  const { declaration } = leader
  const before = (yield* log.marked(declaration)).filter(({ first }) => first < next.first)
  const known = before.length > 0 ? before : [topologyOf(leader)].filter(({ first }) => first < next.first)
  leader.lastSeq = yield* log.mark(declaration, [...known, next], leader.lastSeq)
})

/**
 * The stream says which partitions are published to. One that is ahead of the store is followed (a leader that ended
 * behind its mark; a store that was restored); one that is behind it has lost its mark, and gets another. Returns what the
 * stream is then.
 */
export const reconcileTopology = Effect.fnUntraced(function* (leader: Leader, info: LogInfo) {
  const log = yield* EventLog
  yield* measure(leader)
  const said = yield* log.marked(leader.declaration)
  const own = topologyOf(leader)
  const newer = said.filter(({ first }) => first > own.first)
  if (newer.length > 0) yield* adopt(leader, [own, ...newer])
  else if (own.first > 0 && said.at(-1)?.first !== own.first) {
    leader.lastSeq = info.lastSeq
    yield* mark(leader, own)
    return { ...info, lastSeq: leader.lastSeq }
  }
  return info
})

/** Where partitions of before end, when they were turned back: nothing can be published to them any more. */
const measure = Effect.fnUntraced(function* (leader: Leader) {
  const log = yield* EventLog
  const store = yield* RelayStore
  const { unmeasured } = yield* store.renew(leader.lease)
  if (unmeasured.length === 0) return
  const ended = yield* Effect.forEach(unmeasured, (one) => log.ends(leader.declaration, one))
  yield* store.adopt(leader.lease, ended, topologyOf(leader))
})

const adopt = Effect.fnUntraced(function* (leader: Leader, topologies: ReadonlyArray<Topology>) {
  const log = yield* EventLog
  const store = yield* RelayStore
  const next = topologies.at(-1) ?? topologyOf(leader)
  // The mark is behind all that was published to them, so they end where they end now.
  const old = topologies.slice(0, -1).map((one, i) => whole(one, topologies[i + 1] ?? next))
  const ended = yield* Effect.forEach(old, (one) => log.ends(leader.declaration, one))
  yield* store.adopt(leader.lease, ended, next)
  leader.declaration = { ...leader.declaration, ...next }
  leader.unsettled = true
  yield* signal({ _tag: "Repartitioned", stream: leader.declaration.name, ...next })
})

/** With the partitions of those behind it that no mark tells of any more: what is in them is to be read too. */
const whole = ({ first }: Topology, next: Topology): Topology => ({ first, partitions: next.first - first })

/** Handlers that have come to the end of partitions of before are led to those of after, for as long as there are any. */
export const settleHandlers = Effect.fnUntraced(function* (leader: Leader) {
  const pause = { ms: looks.minMs }
  const look = Effect.suspend(() => {
    if (!leader.unsettled) return Effect.void
    return Effect.map(settleOnce(leader), (isMore) => {
      pause.ms = isMore ? looks.minMs : Math.min(looks.maxMs, pause.ms * 1.5)
    })
  })
  return yield* Effect.repeat(
    Effect.andThen(
      Effect.suspend(() => Effect.sleep(Duration.millis(leader.unsettled ? pause.ms : looks.maxMs))),
      Effect.catchTags(look, {
        StoreUnavailable: () => Effect.void,
        BrokerUnavailable: () => Effect.void,
        BrokerRefused: () => Effect.void
      })
    ),
    Schedule.forever
  )
})

const settleOnce = Effect.fnUntraced(function* (leader: Leader) {
  const log = yield* EventLog
  const store = yield* RelayStore
  const stream = leader.declaration.name
  const { firstSeq } = yield* log.info(stream)
  const { ended, moved } = yield* store.settle(leader.lease, firstSeq)
  yield* Effect.forEach(moved, ({ handler, to }) => signal({ _tag: "HandlerMoved", stream, handler, ...to }), {
    discard: true
  })
  const isMore = ended.length + moved.length > 0
  // Whoever has them gives them up, or takes the new ones, with the next beat, which this brings on.
  if (isMore) yield* log.ring(rebalanceDoorbell(stream))
  return isMore
})
