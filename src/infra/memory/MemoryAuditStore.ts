import { Effect, Layer } from "effect"
import { type AuditFacts, AuditStore } from "../../pipeline/AuditStore.ts"
import { MemoryState, type MemoryTables } from "./MemoryState.ts"

/** The facts in memory: one synchronous look, hence one moment. */
export const layer: Layer.Layer<AuditStore, never, MemoryState> = Layer.effect(
  AuditStore,
  Effect.map(MemoryState, (state) => ({ facts: (stream) => Effect.sync(() => factsOf(state.of(stream))) }))
)

const factsOf = (tables: MemoryTables): AuditFacts => {
  // Written by MemoryOwnership and MemoryInbox, and nobody else.
  const leases = [...tables.leases].map(([at, { cursor }]) => [JSON.parse(at) as [string, number], cursor] as const)
  const progress = [...tables.progress].map(
    ([at, { version }]) => [JSON.parse(at) as [string, string], version] as const
  )
  const names = [...new Set(leases.map(([[name]]) => name))].sort()
  return {
    partitions: Math.max(0, ...leases.map(([[, partition]]) => partition + 1)),
    heads: [...tables.heads].map(([key, version]) => ({ key, version })),
    waiting: [...tables.outbox.values()].map(({ eventId, key }) => ({ eventId, key })),
    handlers: names.map((name) => ({
      name,
      cursors: new Map(leases.filter(([at]) => at[0] === name).map(([at, cursor]) => [at[1], cursor])),
      progress: new Map(progress.filter(([at]) => at[0] === name).map(([at, version]) => [at[1], version])),
      parked: countByKey(tables.parked.filter((one) => one.handler === name).map((one) => one.event.key)),
      violations: tables.violations
        .filter((one) => one.handler === name)
        .map(({ event }) => ({ key: event.key, version: event.version }))
    }))
  }
}

const countByKey = (keys: ReadonlyArray<string>): ReadonlyMap<string, number> =>
  new Map([...Map.groupBy(keys, (key) => key)].map(([key, same]) => [key, same.length]))
