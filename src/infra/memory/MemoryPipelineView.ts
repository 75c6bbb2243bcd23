import { Clock, Effect, Layer } from "effect"
import { type EffectFacts, goneShownMs, type KeyHandlerFacts, PipelineView } from "../../pipeline/PipelineView.ts"
import { columnsOf, MemoryState, type MemoryTables, type MemoryViolation, rowKey } from "./MemoryState.ts"
import { havingIn } from "./memoryOutcomes.ts"

/** What people want to see of a pipeline, in memory. */
export const layer: Layer.Layer<PipelineView, never, MemoryState> = Layer.effect(
  PipelineView,
  Effect.map(MemoryState, (state) =>
    PipelineView.of({
      facts: (stream, rowsMax) =>
        Effect.map(Clock.currentTimeMillis, (nowMs) => factsOf(state.of(stream), rowsMax, Math.round(nowMs))),
      key: (stream, key) =>
        Effect.sync(() => {
          const tables = state.of(stream)
          const fromId = tables.held.get(key)?.fromId ?? Number.POSITIVE_INFINITY
          return {
            version: tables.heads.get(key) ?? 0,
            outbox: [...tables.outbox.values()]
              .filter((row) => row.key === key)
              .map(({ appendedAtMs = 0, id, ...row }) => ({ ...row, outboxId: id, appendedAtMs, held: id >= fromId })),
            handlers: handlersIn(tables).map(([handler, delivery]) => keyOf(tables, key, handler, delivery))
          }
        }),
      having: (stream, events, outcome) => Effect.sync(() => havingIn(state.of(stream), events, outcome)),
      effects: (stream, handlers, eventIds) =>
        Effect.sync(() => {
          const noted = [...state.of(stream).effects].map(([at, effect]) => ({
            ...effect,
            eventId: columnsOf(at)[1].split(":").at(1) ?? ""
          }))
          return handlers.flatMap((handler) =>
            eventIds.flatMap((eventId) =>
              togetherOf(noted.filter((one) => one.handler === handler && one.eventId === eventId))
            )
          )
        })
    })
  )
)

const factsOf = (tables: MemoryTables, rowsMax: number, nowMs: number) => {
  const { controls, held, instances, outbox, parked, parkedKeys, relay, violations } = tables
  const rows = [...outbox.values()].filter(({ id, key }) => id < (held.get(key)?.fromId ?? Number.POSITIVE_INFINITY))
  const oldest = rows.reduce((before, { appendedAtMs = nowMs }) => Math.min(before, appendedAtMs), nowMs)
  return {
    nowMs,
    partitions: relay.partitions ?? 0,
    first: relay.first,
    wanted: relay.wanted === relay.partitions ? undefined : relay.wanted,
    outbox: { rows: Math.min(rows.length, rowsMax), oldestMs: nowMs - oldest, heldKeys: held.size },
    relay: {
      leader: relay.expiresAtMs > nowMs ? relay.owner : undefined,
      epoch: relay.epoch,
      lastSeq: relay.lastSeq
    },
    leases: [...tables.leases].map(([at, { cursor, delivery = "ordered", epoch, expiresAtMs, owner }]) => {
      const [handler, partition] = columnsOf(at)
      return {
        handler,
        partition: Number(partition),
        delivery,
        owner: expiresAtMs > nowMs ? owner : undefined,
        epoch,
        cursor
      }
    }),
    instances: [...instances.values()]
      .filter(({ expiresAtMs }) => expiresAtMs > nowMs - goneShownMs)
      .map(({ handlers, instance, report, seenAtMs, startedAtMs }) => ({
        ...instance,
        handlers,
        startedAtMs,
        seenMs: nowMs - seenAtMs,
        report
      })),
    aside: [...Map.groupBy(parkedKeys.values(), ({ handler }) => handler)].map(([handler, keys]) => ({
      handler,
      parkedKeys: keys.filter(({ status }) => status === "parked").length,
      retryingKeys: keys.filter(({ status }) => status === "retrying").length,
      events: parked.filter((one) => one.handler === handler).length
    })),
    violations: new Map(
      [...Map.groupBy(violations.filter(isOpen), ({ handler }) => handler)].map(([handler, some]) => [
        handler,
        some.length
      ])
    ),
    controls: [...controls.values()]
  }
}

const isOpen = ({ acknowledged }: MemoryViolation) => acknowledged === undefined

/** An effect over all its generations. */
const togetherOf = (some: ReadonlyArray<EffectFacts>): ReadonlyArray<EffectFacts> => {
  const [first] = some
  if (first === undefined) return []
  const confirmed = some.flatMap(({ confirmedAtMs }) => (confirmedAtMs === undefined ? [] : [confirmedAtMs]))
  return [
    {
      handler: first.handler,
      eventId: first.eventId,
      intendedAtMs: Math.min(...some.map(({ intendedAtMs }) => intendedAtMs)),
      confirmedAtMs: confirmed.length === 0 ? undefined : Math.max(...confirmed)
    }
  ]
}

const handlersIn = ({ leases }: MemoryTables): ReadonlyArray<readonly [string, "ordered" | "balanced"]> => [
  ...new Map([...leases].map(([at, { delivery = "ordered" }]) => [columnsOf(at)[0], delivery]))
]

const keyOf = (
  tables: MemoryTables,
  key: string,
  handler: string,
  delivery: "ordered" | "balanced"
): KeyHandlerFacts => {
  const own = <A extends { readonly handler: string }>(some: Iterable<A>) =>
    [...some].filter((one) => one.handler === handler)
  const ofKey = (some: Iterable<{ readonly handler: string; readonly event: { key: string; version: number } }>) =>
    own(some).flatMap(({ event }) => (event.key === key ? [event.version] : []))
  return {
    handler,
    delivery,
    version: tables.progress.get(rowKey(handler, key))?.version ?? 0,
    beyond: own(tables.handled.values()).flatMap((one) => (one.key === key ? [one.version] : [])),
    parked: ofKey(tables.parked),
    discarded: ofKey(tables.discarded),
    violations: ofKey(tables.violations.filter(isOpen)),
    acknowledged: ofKey(tables.violations.filter((one) => !isOpen(one)))
  }
}
