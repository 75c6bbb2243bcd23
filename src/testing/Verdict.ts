import { type MemoryTables, rowKey } from "../infra/memory/MemoryState.ts"
import type { AuditReport } from "../pipeline/Audit.ts"
import type { Handler } from "../pipeline/Handler.ts"
import { parkedAs } from "../pipeline/Parked.ts"
import { judge } from "../pipeline/Oracle.ts"
import type { Made } from "./Book.ts"
import type { History } from "./History.ts"

/** A history before it is judged. */
export type Unjudged = Omit<History, "faults">

/** Everything committed is in the stream, every handler has it behind it, and no key waits for another attempt. */
export const isSettled = (
  { handled, heads, outbox, parkedKeys, progress }: MemoryTables,
  published: number,
  handlers: ReadonlyArray<Handler<unknown, unknown>>
): boolean =>
  outbox.size === 0 &&
  [...parkedKeys.values()].every(({ status }) => status === "parked") &&
  [...heads.values()].reduce((sum, version) => sum + version, 0) === published &&
  [...heads].every(([key, version]) =>
    handlers.every(({ name }) => {
      const behind = progress.get(rowKey(name, key))?.version ?? 0
      return versionsFrom(behind + 1, version).every((one) => handled.has(rowKey(name, key, one)))
    })
  )

const versionsFrom = (first: number, last: number) =>
  Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i)

/** What is wrong with a history, in words. Empty: nothing. */
export const faultsOf = (
  history: Unjudged,
  handlers: ReadonlyArray<Handler<unknown, unknown>>
): ReadonlyArray<string> => [
  ...(history.settled ? [] : ["it never came to rest"]),
  ...history.tables.violations.map(
    ({ event, handledVersion, handler }) => `${handler}: ${event.key} ${event.version} came after ${handledVersion}`
  ),
  ...[...history.tables.held].map(([key, { reason }]) => `${key} is held: ${reason}`),
  ...strayFaults(history.tables),
  ...streamFaults(history),
  ...history.audits.flatMap(auditFaults),
  ...handlers.flatMap((handler) =>
    handler.delivery === "balanced" ? balancedFaults(history, handler) : handlerFaults(history, handler)
  )
]

/** A parked event belongs to a parked key, and a parked key is marked as one in its handler's progress, unless it stands alone. */
const strayFaults = ({ parked, parkedKeys, progress }: MemoryTables): ReadonlyArray<string> => [
  ...parked
    .filter((one) => !parkedKeys.has(rowKey(one.handler, parkedAs(one))))
    .map(({ event, handler }) => `${handler}: ${event.key} ${event.version} is parked, and its key is not`),
  ...[...parkedKeys]
    .filter(([at, { key, ofKey }]) => key === ofKey && progress.get(at)?.parked !== true)
    .map(([at]) => `${at} is parked, and its progress says it is not`)
]

/** The audit finds nothing, and its sums are what they should be. */
const auditFaults = (report: AuditReport): ReadonlyArray<string> => [
  ...report.faults.map(({ handler, key, kind, version }) => `audit: ${handler} ${key} ${version} ${kind}`),
  ...(report.committed === report.published + report.waiting ? [] : ["audit: committed is not published + waiting"]),
  ...report.handlers
    .filter(({ discarded, handled, inFlight, parked }) => handled + parked + discarded + inFlight !== report.published)
    .map(({ name }) => `audit: ${name} does not add up`)
]

const countByKey = (history: Unjudged): ReadonlyMap<string, number> => {
  const versions = Map.groupBy(history.committed, ({ key }) => key)
  return new Map([...versions].map(([key, appended]) => [key, appended.length]))
}

/** The stream holds what was committed, once, in order. */
const streamFaults = (history: Unjudged): ReadonlyArray<string> =>
  judge(
    countByKey(history),
    history.stream.map(({ eventId, key, seq, version }) => ({ eventId, key, version, position: seq }))
  ).faults.map(({ key, kind, version }) => `stream: ${key} ${version} ${kind}`)

/** Every wanted event has its effect, wherever in the sequence: inside once, outside at least once; or it is parked, once. */
const balancedFaults = (
  { committed, made, tables }: Unjudged,
  { mode, name, types }: Handler<unknown, unknown>
): ReadonlyArray<string> => {
  const place = ({ key, version }: { readonly key: string; readonly version: number }) => `${key} ${version}`
  const effects = made.get(name) ?? []
  const count = (of: ReadonlyArray<{ readonly key: string; readonly version: number }>) =>
    new Map([...Map.groupBy(of, place)].map(([at, same]) => [at, same.length]))
  const done = count(effects)
  const parked = count(tables.parked.filter(({ handler }) => handler === name).map(({ event }) => event))
  const wanted = new Set(committed.filter(({ type }) => types.has(type)).map(place))
  const isOutside = mode === "external"
  return [
    ...[...wanted].filter((at) => !done.has(at) && !parked.has(at)).map((at) => `${name}: ${at} lost`),
    ...[...done].filter(([, times]) => times > 1 && !isOutside).map(([at]) => `${name}: ${at} duplicated`),
    ...[...done.keys()]
      .filter((at) => !wanted.has(at))
      .map((at) => `${name}: ${at} has an effect and was never written`),
    ...[...parked].filter(([, times]) => times > 1).map(([at]) => `${name}: ${at} is parked twice`),
    ...[...parked.keys()]
      .filter((at) => done.has(at) && !isOutside)
      .map((at) => `${name}: ${at} was parked and has an effect`),
    ...keyFaults(name, effects)
  ]
}

const handlerFaults = (history: Unjudged, handler: Handler<unknown, unknown>): ReadonlyArray<string> => {
  const { mode, name } = handler
  const made = history.made.get(name) ?? []
  const parked = history.tables.parked.filter((one) => one.handler === name).map(({ event }) => event)
  const parkedFrom = new Map(
    [...Map.groupBy(parked, ({ key }) => key)].map(([key, events]) => [
      key,
      Math.min(...events.map(({ version }) => version))
    ])
  )
  const isParked = ({ key, version }: Made) => version >= (parkedFrom.get(key) ?? Number.POSITIVE_INFINITY)
  // A parked event may have had an effect outside before it failed; what is behind it may not.
  const tooFar = made.filter(
    (one) => isParked(one) && (mode === "transactional" || one.version !== parkedFrom.get(one.key))
  )
  const effects = made.filter((one) => !isParked(one))
  return [
    ...judgeWanted(history, handler, parkedFrom, mode === "transactional" ? effects : firstOf(effects)),
    ...tooFar.map(({ key, version }) => `${name}: ${key} ${version} was parked and has an effect`),
    ...parkingFaults(history, name, parked, parkedFrom),
    ...keyFaults(name, made)
  ]
}

/** Judges effects by their places among the events the handler wants: the others pass it by. */
const judgeWanted = (
  history: Unjudged,
  { name, types }: Handler<unknown, unknown>,
  parkedFrom: ReadonlyMap<string, number>,
  effects: ReadonlyArray<Made>
): ReadonlyArray<string> => {
  const wanted = history.committed.filter(
    ({ key, type, version }) => types.has(type) && version < (parkedFrom.get(key) ?? Number.POSITIVE_INFINITY)
  )
  const versions = new Map(
    [...Map.groupBy(wanted, ({ key }) => key)].map(([key, events]) => [
      key,
      events.map(({ version }) => version).toSorted((a, b) => a - b)
    ])
  )
  const placeOf = (made: Made) => ({ ...made, version: (versions.get(made.key)?.indexOf(made.version) ?? -1) + 1 })
  const counts = new Map([...versions].map(([key, of]) => [key, of.length]))
  return judge(counts, effects.map(placeOf)).faults.map(
    ({ key, kind, version }) => `${name}: ${key} ${versions.get(key)?.[version - 1] ?? version} ${kind}`
  )
}

const firstOf = (effects: ReadonlyArray<Made>) => {
  const seen = new Set<string>()
  return effects.filter(({ eventId }) => !seen.has(eventId) && seen.add(eventId))
}

/** What is parked is everything from the failing event on, once each, in order. */
const parkingFaults = (
  history: Unjudged,
  handler: string,
  parked: ReadonlyArray<{ readonly key: string; readonly version: number }>,
  parkedFrom: ReadonlyMap<string, number>
) =>
  [...parkedFrom].flatMap(([key, from]) => {
    const versions = parked.filter((event) => event.key === key).map(({ version }) => version)
    const last = countByKey(history).get(key) ?? 0
    const expected = Array.from({ length: last - from + 1 }, (_, i) => from + i)
    return versions.join() === expected.join()
      ? []
      : [`${handler}: ${key} parked ${versions.join()}, not ${expected.join()}`]
  })

/** An idempotency key names one event of one handler; only a replay gives the event another one. */
const keyFaults = (handler: string, made: ReadonlyArray<Made>): ReadonlyArray<string> => {
  const isOwn = ({ eventId, idempotencyKey }: Made) => {
    const generation = idempotencyKey.slice(`${handler}:${eventId}:`.length)
    return idempotencyKey === `${handler}:${eventId}:${Number.parseInt(generation, 10)}`
  }
  return made
    .filter((one) => !isOwn(one))
    .map((one) => `${handler}: ${one.key} ${one.version} had the key ${one.idempotencyKey}`)
}
