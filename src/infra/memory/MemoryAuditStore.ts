import { Effect, Layer } from "effect"
import { type AuditFacts, AuditStore } from "../../pipeline/AuditStore.ts"
import { topologyIn } from "./memoryRepartition.ts"
import { columnsOf, MemoryState, type MemoryTables } from "./MemoryState.ts"

/** The facts in memory: one synchronous look, hence one moment. */
export const layer: Layer.Layer<AuditStore, never, MemoryState> = Layer.effect(
  AuditStore,
  Effect.map(MemoryState, (state) => ({ facts: (stream) => Effect.sync(() => factsOf(state.of(stream))) }))
)

const factsOf = (tables: MemoryTables): AuditFacts => {
  const leases = [...tables.leases].map(([at, { cursor }]) => {
    const [name, partition] = columnsOf(at)
    return { name, partition: Number(partition), cursor }
  })
  const progress = [...tables.progress].map(([at, { version }]) => {
    const [name, key] = columnsOf(at)
    return { name, key, version }
  })
  const names = [...new Set(leases.map(({ name }) => name))].sort()
  return {
    topology: topologyIn(tables) ?? { first: 0, partitions: 0 },
    heads: [...tables.heads].map(([key, version]) => ({ key, version })),
    waiting: [...tables.outbox.values()]
      .filter(({ again }) => again !== true)
      .map(({ eventId, key }) => ({ eventId, key })),
    kept: [
      ...[...tables.published.values()].map(({ key, seq, version }) => ({ key, version, seq })),
      ...[...tables.outbox.values()].flatMap(({ again, key, version }) =>
        again === true ? [{ key, version, seq: undefined }] : []
      )
    ],
    remade: tables.relay.remade,
    handlers: names.map((name) => ({
      name,
      cursors: new Map(leases.filter((one) => one.name === name).map((one) => [one.partition, one.cursor])),
      beyond: beyondOf(tables, name),
      progress: new Map(progress.filter((one) => one.name === name).map((one) => [one.key, one.version])),
      parked: countByKey(tables.parked.filter((one) => one.handler === name).map((one) => one.event.key)),
      discarded: countByKey(tables.discarded.filter((one) => one.handler === name).map((one) => one.event.key)),
      violations: tables.violations
        .filter((one) => one.handler === name)
        .map(({ acknowledged, event }) => ({
          key: event.key,
          version: event.version,
          isOpen: acknowledged === undefined
        }))
    }))
  }
}

const beyondOf = ({ handled }: MemoryTables, name: string): ReadonlyMap<string, ReadonlySet<number>> => {
  const own = [...handled.values()].filter(({ handler }) => handler === name)
  const byKey = Map.groupBy(own, ({ key }) => key)
  return new Map([...byKey].map(([key, of]) => [key, new Set(of.map(({ version }) => version))]))
}

const countByKey = (keys: ReadonlyArray<string>): ReadonlyMap<string, number> =>
  new Map([...Map.groupBy(keys, (key) => key)].map(([key, same]) => [key, same.length]))
