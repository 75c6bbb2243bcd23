import {
  type EndedTopology,
  nextTopology,
  partitionOf,
  partitionsIn,
  slotOf,
  type Topology
} from "../../pipeline/Partition.ts"
import type { Settled } from "../../pipeline/RelayStore.ts"
import {
  columnsOf,
  freshLease,
  type MemoryLease,
  type MemoryTopology,
  type MemoryTables,
  rowKey
} from "./MemoryState.ts"

/** What is published to; undefined: nobody has declared the stream. */
export const topologyIn = ({ relay: { first, partitions } }: MemoryTables): Topology | undefined =>
  partitions === undefined ? undefined : { first, partitions }

/** `RelayStore.adopt`. */
export const adopt = (tables: MemoryTables, ended: ReadonlyArray<EndedTopology>, next: Topology) => {
  const { relay, topologies } = tables
  const others = topologies.filter(({ first }) => !ended.some((one) => one.first === first))
  topologies.splice(0, topologies.length, ...[...others, ...ended].sort((a, b) => a.first - b.first))
  const wanted = relay.wanted === next.partitions ? undefined : relay.wanted
  Object.assign(relay, { first: next.first, partitions: next.partitions, wanted })
}

interface Place {
  readonly partition: number
  readonly lease: MemoryLease
}

/** The leases of each handler. */
export const leasesByHandler = ({ leases }: MemoryTables): ReadonlyMap<string, ReadonlyArray<Place>> =>
  new Map(
    [...Map.groupBy(leases, ([at]) => columnsOf(at)[0])].map(([handler, own]) => [
      handler,
      own.map(([at, lease]) => ({ partition: Number(columnsOf(at)[1]), lease }))
    ])
  )

/** Whether some handler reads partitions of before, or has put something aside in one. */
export const isUnsettled = (tables: MemoryTables): boolean =>
  [...tables.leases.keys()].some((at) => Number(columnsOf(at)[1]) < tables.relay.first) ||
  [...tables.parkedKeys.values()].some(
    ({ partition, status }) => status === "retrying" && partition < tables.relay.first
  )

/** `RelayStore.settle`. */
export const settle = (tables: MemoryTables, firstSeq: number, nowMs: number): Settled => {
  const ended: Array<string> = []
  const moved: Array<Settled["moved"][number]> = []
  for (const [handler, places] of leasesByHandler(tables)) {
    const { first } = readingOf(places)
    const old = tables.topologies.find((one) => one.first <= first && first < one.first + one.partitions)
    if (old === undefined) continue
    if (isThrough(places, old, firstSeq)) {
      Array.from(places, ({ lease }) => (lease.ended = true))
      ended.push(handler)
    }
    if (!places.every(({ lease }) => lease.ended && lease.expiresAtMs <= nowMs)) continue
    const to = behind(tables, old)
    move(tables, handler, places, to)
    moved.push({ handler, to })
  }
  for (const [handler, places] of leasesByHandler(tables)) moveAside(tables, handler, readingOf(places))
  return { ended, moved }
}

/** What a handler reads, from its leases. */
export const readingOf = (places: ReadonlyArray<{ readonly partition: number }>): Topology => ({
  first: Math.min(...places.map(({ partition }) => partition)),
  partitions: places.length
})

/** All is read, and nobody has been told. */
const isThrough = (places: ReadonlyArray<Place>, of: MemoryTopology, firstSeq: number) =>
  places.every((place) => isRead(place, of, firstSeq)) && !places.every(({ lease }) => lease.ended)

const isRead = ({ lease, partition }: Place, { ends, first }: MemoryTopology, firstSeq: number) => {
  const end = ends === undefined ? Number.POSITIVE_INFINITY : (ends[partition - first] ?? 0)
  return lease.delivery === "balanced" || lease.cursor >= end || end < firstSeq
}

const behind = ({ relay, topologies }: MemoryTables, { first, partitions }: Topology): Topology => {
  const next = nextTopology({ first, partitions }, relay.partitions ?? 1)
  const known = topologies.find((one) => one.first === next.first)
  return known === undefined ? next : { first: known.first, partitions: known.partitions }
}

const move = (tables: MemoryTables, handler: string, places: ReadonlyArray<Place>, to: Topology) => {
  const { controls, leases } = tables
  const cursors = places.map(({ lease }) => lease.cursor)
  const delivery = places[0]?.lease.delivery
  const cursor = delivery === "balanced" ? Math.min(...cursors) : Math.max(...cursors)
  for (const { partition } of places) leases.delete(rowKey(handler, partition))
  for (const partition of partitionsIn(to))
    leases.set(rowKey(handler, partition), { ...freshLease(), cursor, ...(delivery === undefined ? {} : { delivery }) })
  for (const [at, one] of controls)
    if (one.handler === handler && one.partition !== undefined && one.partition < to.first) controls.delete(at)
}

/** What a handler has put aside belongs to the partitions it goes on with. */
const moveAside = ({ parkedKeys, suspects }: MemoryTables, handler: string, to: Topology) => {
  for (const [at, one] of parkedKeys)
    if (one.handler === handler && one.partition < to.first)
      parkedKeys.set(at, { ...one, partition: partitionOf(slotOf(one.ofKey), to) })
  for (const [at, events] of suspects) {
    const [of, partition] = columnsOf(at)
    if (of !== handler || Number(partition) >= to.first) continue
    suspects.delete(at)
    const placed = Map.groupBy(events, ([, one]) => rowKey(handler, partitionOf(slotOf(one.key), to)))
    for (const [there, own] of placed) suspects.set(there, new Map([...(suspects.get(there) ?? []), ...own]))
  }
}
