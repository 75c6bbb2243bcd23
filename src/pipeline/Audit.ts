import { Effect } from "effect"
import { type AuditFacts, AuditStore, type HandlerFacts } from "./AuditStore.ts"
import { EventLog, type StoredRef } from "./EventLog.ts"
import type { BrokerRefused, BrokerUnavailable } from "./PipelineError.ts"
import { partitionOf, partitionsIn, slotOf, type Topology } from "./Partition.ts"

/** What must never be found. `lost`: its handler's cursor has passed the event, and it was neither handled nor parked. */
export type AuditFaultKind =
  | "lost"
  | "handled and never committed"
  | "order violation"
  | "twice in the stream"
  | "out of order in the stream"
  | "missing in the stream"

/** A fault, by the event it is about. `handler` is empty for faults of the stream itself. */
export interface AuditFault {
  readonly kind: AuditFaultKind
  readonly handler: string
  readonly key: string
  readonly version: number
}

/** One handler's balance, in events: published = handled + parked + discarded + inFlight. */
export interface HandlerAudit {
  readonly name: string
  readonly handled: number
  readonly parked: number
  /** Taken out of the parking lot by somebody, on record. */
  readonly discarded: number
  readonly inFlight: number
  /** Those that nobody has acknowledged. */
  readonly orderViolations: number
  readonly acknowledgedViolations: number
}

/** One partition's balance, in events; what its handlers have done is summed up over all of them. */
export interface PartitionAudit {
  readonly partition: number
  readonly committed: number
  readonly published: number
  readonly handled: number
  readonly parked: number
  readonly discarded: number
  readonly inFlight: number
}

/** The balance of a stream. `ok` only if there is no fault; what waits or is in flight is none. */
export interface AuditReport {
  readonly ok: boolean
  readonly stream: string
  readonly committed: number
  readonly published: number
  /** In the outbox, not yet published: committed = published + waiting. */
  readonly waiting: number
  /** Lost by the broker after it acknowledged them; kept, and published again soon. Counted as published. */
  readonly again: number
  /** Events the stream still holds, all of which were looked at. */
  readonly inStream: number
  readonly handlers: ReadonlyArray<HandlerAudit>
  readonly partitions: ReadonlyArray<PartitionAudit>
  readonly faultCount: number
  /** The first faults, with their keys. */
  readonly faults: ReadonlyArray<AuditFault>
}

/** Faults that a report names, the first so many; `faultCount` counts all of them. */
export const auditFaultsShownMax = 50

/** Events of the stream read at a time. */
const readEventsMax = 5_000

/**
 * Counts everything, at any time, also under load: what was committed, published, handled and parked, key by key, and
 * compares it with every event that the stream still holds. Fails when store or broker cannot be read; a fault in the
 * books is no failure but in the report.
 *
 * Consistency: one snapshot of the store first, the stream behind it. What happened after the snapshot is left out, so a
 * running pipeline gives no false alarm; what was deleted from the outbox before it must be in the stream.
 *
 * ```ts
 * import { Console, Effect } from "effect"
 * import { Audit } from "millrace"
 * import { Accounts } from "./accounts.ts"
 *
 * const check = Effect.gen(function* () {
 *   const { committed, faults, ok, waiting } = yield* Audit.runAudit(Accounts.name)
 *   yield* Console.log(ok ? `${committed} committed, ${waiting} not yet published` : faults)
 * })
 * ```
 */
export const runAudit = Effect.fnUntraced(function* (stream: string) {
  const store = yield* AuditStore
  const log = yield* EventLog
  const facts = yield* store.facts(stream)
  const { firstSeq, lastSeq } = yield* Effect.catchIf(log.info(stream), isMissing, () => Effect.succeed(nothing))
  const refs: Array<StoredRef> = []
  for (let after = Math.max(0, firstSeq - 1); after < lastSeq; after += readEventsMax)
    refs.push(...(yield* log.refs(stream, after, Math.min(lastSeq, after + readEventsMax))))
  return audit(stream, facts, refs, { firstSeq, lastSeq })
})

/** Before the first start there is no stream. */
const isMissing = (error: BrokerRefused | BrokerUnavailable) =>
  error._tag === "BrokerRefused" && error.code === streamMissing

const streamMissing = 10059

const nothing = { firstSeq: 1, lastSeq: 0 }

interface KeyFacts {
  readonly partition: number
  readonly committed: number
  published: number
  waiting: number
}

/**
 * The judgement of `runAudit` by itself: from the store's facts and every event of the stream between two sequences, the report. Pure.
 */
export const audit = (
  stream: string,
  facts: AuditFacts,
  refs: ReadonlyArray<StoredRef>,
  { firstSeq, lastSeq }: { readonly firstSeq: number; readonly lastSeq: number }
): AuditReport => {
  const keys = keysOf(facts)
  // Younger than the snapshot: left out.
  const known = refs.filter(({ key, version }) => version <= (keys.get(key)?.committed ?? 0))
  const stored = Map.groupBy(known, ({ key }) => key)
  settleWaiting(facts, keys, stored)
  const byHandler = facts.handlers.map((handler) => ({ handler, faults: handlerFaults(handler, keys, known) }))
  const missing = streamFaults(keys, stored, firstSeq <= 1 && !facts.remade)
  // What is missing below the stream's end does not come again.
  const returning = facts.kept.filter(({ seq }) => seq === undefined || seq > lastSeq)
  const kept = new Set(returning.map(({ key, version }) => `${version} ${key}`))
  const comesAgain = ({ key, kind, version }: AuditFault) =>
    kind === "missing in the stream" && kept.has(`${version} ${key}`)
  const faults = [...missing.filter((fault) => !comesAgain(fault)), ...byHandler.flatMap((one) => one.faults)]
  const sum = (count: (of: KeyFacts) => number) => [...keys.values()].reduce((total, of) => total + count(of), 0)
  return {
    ok: faults.length === 0,
    stream,
    committed: sum((of) => of.committed),
    published: sum((of) => of.published),
    waiting: sum((of) => of.waiting),
    again: missing.filter(comesAgain).length,
    inStream: known.length,
    handlers: facts.handlers.map((handler) => balanceOf(handler, keys)),
    partitions: partitionsIn(facts.topology).map((partition) => partitionOfAudit(partition, facts, keys)),
    faultCount: faults.length,
    faults: faults.slice(0, auditFaultsShownMax)
  }
}

const keysOf = (facts: AuditFacts): ReadonlyMap<string, KeyFacts> =>
  new Map(
    facts.heads.map(({ key, version }) => {
      const partition = partitionOf(slotOf(key), orOne(facts.topology))
      return [key, { partition, committed: version, published: version, waiting: 0 }]
    })
  )

/** Nobody has declared it: then there are no partitions, and nothing in them. */
const orOne = ({ first, partitions }: Topology): Topology => ({ first, partitions: Math.max(1, partitions) })

/** A row of the outbox is waiting unless the stream has it by now: then only its deletion is. */
const settleWaiting = (
  facts: AuditFacts,
  keys: ReadonlyMap<string, KeyFacts>,
  stored: ReadonlyMap<string, ReadonlyArray<StoredRef>>
) => {
  for (const { eventId, key } of facts.waiting) {
    const of = keys.get(key)
    if (of === undefined || stored.get(key)?.some((ref) => ref.eventId === eventId) === true) continue
    of.published -= 1
    of.waiting += 1
  }
}

/**
 * A key's events in the stream end with its newest published one, one by one. A stream that still has its beginning has
 * theirs; otherwise the oldest, and whole keys, may have aged out.
 */
const streamFaults = (
  keys: ReadonlyMap<string, KeyFacts>,
  stored: ReadonlyMap<string, ReadonlyArray<StoredRef>>,
  isWhole: boolean
): ReadonlyArray<AuditFault> =>
  [...(isWhole ? keys : stored).keys()].flatMap((key) => {
    const refs = stored.get(key) ?? []
    const fault = (kind: AuditFaultKind, version: number): AuditFault => ({ kind, handler: "", key, version })
    const faults: Array<AuditFault> = []
    const seen = new Set<number>()
    let highest = 0
    for (const { version } of refs) {
      if (seen.has(version)) faults.push(fault("twice in the stream", version))
      else if (version < highest) faults.push(fault("out of order in the stream", version))
      seen.add(version)
      highest = Math.max(highest, version)
    }
    const first = isWhole ? 1 : Math.min(...seen)
    for (let version = first; version <= (keys.get(key)?.published ?? 0); version++)
      if (!seen.has(version)) faults.push(fault("missing in the stream", version))
    return faults
  })

const handlerFaults = (
  { beyond, cursors, name, progress, violations }: HandlerFacts,
  keys: ReadonlyMap<string, KeyFacts>,
  known: ReadonlyArray<StoredRef>
): ReadonlyArray<AuditFault> => {
  const fault = (kind: AuditFaultKind, key: string, version: number) => ({ kind, handler: name, key, version })
  // By what it reads now. Of partitions it has read to their ends, all are below the cursors it goes on with.
  const reading = orOne({ first: Math.min(...cursors.keys()), partitions: cursors.size })
  const passed = (ref: StoredRef) => ref.seq <= (cursors.get(partitionOf(slotOf(ref.key), reading)) ?? 0)
  const isDone = ({ key, version }: StoredRef) =>
    version <= (progress.get(key) ?? 0) || beyond.get(key)?.has(version) === true
  const lost = known.filter((ref) => passed(ref) && !isDone(ref))
  // A key that nobody ever appended to was written to the stream by somebody else: what came of it is acknowledged with it.
  const explained = new Set(violations.filter(({ isOpen }) => !isOpen).map(({ key }) => key))
  // What still waits may have been published, handled, and lost by the broker, before the relay could record it.
  const ahead = [...beyond].flatMap(([key, versions]) => [...versions].map((version) => [key, version] as const))
  const open = violations.filter(({ isOpen }) => isOpen)
  const phantoms = [...progress, ...ahead].filter(
    ([key, version]) => version > (keys.get(key)?.committed ?? 0) && !(explained.has(key) && !keys.has(key))
  )
  return [
    ...open.map(({ key, version }) => fault("order violation", key, version)),
    ...lost.map(({ key, version }) => fault("lost", key, version)),
    ...phantoms.map(([key, version]) => fault("handled and never committed", key, version))
  ]
}

/** How many of a key's published events its handler has behind it. */
const reachedOf = ({ beyond, progress }: HandlerFacts, key: string, published: number) => {
  const inOrder = Math.min(published, progress.get(key) ?? 0)
  const ahead = [...(beyond.get(key) ?? [])].filter((version) => version > inOrder && version <= published)
  return inOrder + ahead.length
}

const balanceOf = (
  handler: HandlerFacts,
  keys: ReadonlyMap<string, KeyFacts>,
  belongs: (of: KeyFacts) => boolean = () => true
): HandlerAudit => {
  const balance = { handled: 0, parked: 0, discarded: 0, inFlight: 0 }
  for (const [key, of] of keys) {
    if (!belongs(of)) continue
    const reached = reachedOf(handler, key, of.published)
    const parked = handler.parked.get(key) ?? 0
    const discarded = handler.discarded.get(key) ?? 0
    balance.parked += parked
    balance.discarded += discarded
    balance.handled += reached - parked - discarded
    balance.inFlight += of.published - reached
  }
  const open = handler.violations.filter(({ isOpen }) => isOpen).length
  const acknowledgedViolations = handler.violations.length - open
  return { name: handler.name, ...balance, orderViolations: open, acknowledgedViolations }
}

const partitionOfAudit = (
  partition: number,
  facts: AuditFacts,
  keys: ReadonlyMap<string, KeyFacts>
): PartitionAudit => {
  const mine = [...keys.values()].filter((of) => of.partition === partition)
  const balances = facts.handlers.map((handler) => balanceOf(handler, keys, (of) => of.partition === partition))
  const total = (count: (of: HandlerAudit) => number) => balances.reduce((sum, of) => sum + count(of), 0)
  return {
    partition,
    committed: mine.reduce((sum, of) => sum + of.committed, 0),
    published: mine.reduce((sum, of) => sum + of.published, 0),
    handled: total((of) => of.handled),
    parked: total((of) => of.parked),
    discarded: total((of) => of.discarded),
    inFlight: total((of) => of.inFlight)
  }
}
