import { Clock, Effect, Layer } from "effect"
import type { Handler } from "../../pipeline/Handler.ts"
import { asideHorizonMs, type Claim, type Declared, type Instance, Ownership } from "../../pipeline/Ownership.ts"
import { LeaseLost } from "../../pipeline/PipelineError.ts"
import { partitionsIn } from "../../pipeline/Partition.ts"
import { leasesByHandler, readingOf, topologyIn } from "./memoryRepartition.ts"
import { columnsOf, freshLease, leaseTtlMs, MemoryState, type MemoryTables, rowKey } from "./MemoryState.ts"

/** Leases in memory, by the Effect clock. */
export const layer: Layer.Layer<Ownership, never, MemoryState> = Layer.effect(
  Ownership,
  Effect.gen(function* () {
    const state = yield* MemoryState

    const mine = leaseOfClaim(state)
    const extend = extendLeases(state)

    return Ownership.of({
      declare: (stream, handlers, partitions) => Effect.sync(() => declare(state.of(stream), handlers, partitions)),
      fixDelivery: (stream, handlers) => Effect.sync(() => fixDelivery(state.of(stream), handlers)),
      beat: (stream, instance, handlers, claims, report) =>
        Effect.map(Clock.currentTimeMillis, (nowMs) => {
          const { controls, instances, parkedKeys, relay } = state.of(stream)
          showAlive(instances, instance, handlers, nowMs, report)
          return {
            live: [...instances]
              .filter(([, { expiresAtMs }]) => expiresAtMs > nowMs)
              .map(([id, { handlers: known }]) => ({ id, handlers: known }))
              .sort((a, b) => (a.id < b.id ? -1 : 1)),
            renewed: extend(claims, nowMs),
            free: entriesOf(state.of(stream))
              .filter(({ lease }) => lease.expiresAtMs <= nowMs && !lease.ended)
              .map(({ handler, partition }) => ({ handler, partition })),
            rewinds: relay.rewinds,
            topology: topologyIn(state.of(stream)),
            controls: [...controls.values()],
            asideDue: [...parkedKeys.values()].some(
              ({ dueAtMs, status }) => status === "retrying" && (dueAtMs ?? 0) <= nowMs + asideHorizonMs
            )
          }
        }),
      renew: (claims) => Effect.map(Clock.currentTimeMillis, (nowMs) => extend(claims, nowMs)),
      claim: (stream, owner, wanted) =>
        Effect.map(Clock.currentTimeMillis, (nowMs) =>
          wanted.flatMap((place) => claimOne(state, { stream, owner, ...place }, nowMs))
        ),
      open: (claim) =>
        Effect.suspend(() => {
          const lease = mine(claim)
          if (lease === undefined) {
            return Effect.fail(new LeaseLost({ lease: `${claim.handler}/${claim.partition}`, epoch: claim.epoch }))
          }
          lease.opening += 1
          return Effect.succeed({ ...claim, opening: lease.opening, cursor: lease.cursor })
        }),
      release: (claims) =>
        Effect.sync(() => {
          for (const claim of claims) Object.assign(mine(claim) ?? {}, { owner: undefined, expiresAtMs: 0 })
        }),
      leave: (stream, instance) => Effect.sync(() => void state.of(stream).instances.delete(instance.id))
    })
  })
)

const declare = (tables: MemoryTables, handlers: ReadonlyArray<string>, partitions: number): Declared => {
  tables.relay.partitions ??= partitions
  const topology = topologyIn(tables) ?? { first: 0, partitions }
  const known = leasesByHandler(tables)
  for (const handler of handlers.filter((one) => !known.has(one)))
    for (const partition of partitionsIn(tables.topologies[0] ?? topology))
      tables.leases.set(rowKey(handler, partition), freshLease())
  const now = [...leasesByHandler(tables)].filter(([handler]) => handlers.includes(handler))
  return { topology, handlers: new Map(now.map(([handler, places]) => [handler, readingOf(places)])) }
}

const showAlive = (
  instances: MemoryTables["instances"],
  instance: Instance,
  handlers: ReadonlyArray<string>,
  nowMs: number,
  report: string | undefined
) => {
  const before = instances.get(instance.id)
  instances.set(instance.id, {
    instance,
    handlers,
    startedAtMs: before?.startedAtMs ?? nowMs,
    seenAtMs: nowMs,
    report: report ?? before?.report,
    expiresAtMs: nowMs + leaseTtlMs
  })
}

/** Those that were fixed the other way. */
const fixDelivery = (tables: MemoryTables, handlers: ReadonlyArray<Pick<Handler, "name" | "delivery">>) => {
  const known = new Map(handlers.map(({ delivery, name }) => [name, delivery]))
  const own = entriesOf(tables).filter(({ handler }) => known.has(handler))
  for (const { handler, lease } of own) lease.delivery ??= known.get(handler) ?? "ordered"
  const others = own.filter(({ handler, lease }) => lease.delivery !== known.get(handler))
  return [...new Set(others.map(({ handler }) => handler))].sort()
}

const claimOne = (
  state: MemoryState["Service"],
  { handler, owner, partition, stream }: { stream: string; owner: string; handler: string; partition: number },
  nowMs: number
): ReadonlyArray<Claim> => {
  const lease = state.of(stream).leases.get(rowKey(handler, partition))
  if (lease === undefined || lease.ended || lease.expiresAtMs > nowMs) return []
  const abandoned = lease.owner === undefined ? {} : { abandoned: true as const }
  Object.assign(lease, { owner, epoch: lease.epoch + 1, expiresAtMs: nowMs + leaseTtlMs })
  return [
    { stream, handler, partition, epoch: lease.epoch, opening: lease.opening, cursor: lease.cursor, ...abandoned }
  ]
}

const entriesOf = (tables: MemoryTables) =>
  [...tables.leases].map(([key, lease]) => {
    const [handler, partition] = columnsOf(key)
    return { handler, partition: Number(partition), lease }
  })

const leaseOfClaim = (state: MemoryState["Service"]) => (claim: Claim) => {
  const lease = state.of(claim.stream).leases.get(rowKey(claim.handler, claim.partition))
  return lease?.epoch === claim.epoch ? lease : undefined
}

const extendLeases = (state: MemoryState["Service"]) => (claims: ReadonlyArray<Claim>, nowMs: number) =>
  claims.flatMap((claim): ReadonlyArray<Claim> => {
    const lease = leaseOfClaim(state)(claim)
    if (lease?.owner === undefined) return []
    lease.expiresAtMs = nowMs + leaseTtlMs
    const ended = lease.ended ? { ended: true as const } : {}
    return [{ ...claim, opening: lease.opening, cursor: lease.cursor, ...ended }]
  })
