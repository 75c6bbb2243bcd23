import type { AuditReport } from "../../src/pipeline/Audit.ts"
import { judge } from "../../src/pipeline/Oracle.ts"
import { handlerNames, type Made } from "./Ledger.ts"
import type { History } from "./World.ts"

/** What is wrong with a history, in words. Empty: nothing. */
export const faultsOf = (history: History): ReadonlyArray<string> => [
  ...(history.settled ? [] : ["it never came to rest"]),
  ...history.tables.violations.map(
    ({ event, handledVersion, handler }) => `${handler}: ${event.key} ${event.version} came after ${handledVersion}`
  ),
  ...[...history.tables.held].map(([key, { reason }]) => `${key} is held: ${reason}`),
  ...streamFaults(history),
  ...history.audits.flatMap(auditFaults),
  ...handlerNames.flatMap((handler) => handlerFaults(history, handler))
]

/** The audit finds nothing, and its sums are what they should be. */
const auditFaults = (report: AuditReport): ReadonlyArray<string> => [
  ...report.faults.map(({ handler, key, kind, version }) => `audit: ${handler} ${key} ${version} ${kind}`),
  ...(report.committed === report.published + report.waiting ? [] : ["audit: committed is not published + waiting"]),
  ...report.handlers
    .filter(({ handled, inFlight, parked }) => handled + parked + inFlight !== report.published)
    .map(({ name }) => `audit: ${name} does not add up`)
]

const countByKey = (history: History): ReadonlyMap<string, number> => {
  const versions = Map.groupBy(history.committed, ({ key }) => key)
  return new Map([...versions].map(([key, appended]) => [key, appended.length]))
}

/** The stream holds what was committed, once, in order. */
const streamFaults = (history: History): ReadonlyArray<string> =>
  judge(
    countByKey(history),
    history.stream.map(({ eventId, key, seq, version }) => ({ eventId, key, version, position: seq }))
  ).faults.map(({ key, kind, version }) => `stream: ${key} ${version} ${kind}`)

const handlerFaults = (history: History, handler: string): ReadonlyArray<string> => {
  const made = history.made.get(handler) ?? []
  const parked = history.tables.parked.filter((one) => one.handler === handler).map(({ event }) => event)
  const parkedFrom = new Map(
    [...Map.groupBy(parked, ({ key }) => key)].map(([key, events]) => [
      key,
      Math.min(...events.map(({ version }) => version))
    ])
  )
  const isParked = ({ key, version }: Made) => version >= (parkedFrom.get(key) ?? Number.POSITIVE_INFINITY)
  const handled = new Map(
    [...countByKey(history)].map(([key, versions]) => [key, (parkedFrom.get(key) ?? versions + 1) - 1])
  )
  // A parked event may have had an effect outside before it failed; what is behind it may not.
  const tooFar = made.filter(
    (one) => isParked(one) && (handler === "points" || one.version !== parkedFrom.get(one.key))
  )
  const effects = made.filter((one) => !isParked(one))
  const { faults } = judge(handled, handler === "points" ? effects : firstOf(effects))
  return [
    ...faults.map(({ key, kind, version }) => `${handler}: ${key} ${version} ${kind}`),
    ...tooFar.map(({ key, version }) => `${handler}: ${key} ${version} was parked and has an effect`),
    ...parkingFaults(history, handler, parked, parkedFrom),
    ...keyFaults(made)
  ]
}

const firstOf = (effects: ReadonlyArray<Made>) => {
  const seen = new Set<string>()
  return effects.filter(({ eventId }) => !seen.has(eventId) && seen.add(eventId))
}

/** What is parked is everything from the failing event on, once each, in order. */
const parkingFaults = (
  history: History,
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

/** One event, one idempotency key, and the other way round. */
const keyFaults = (made: ReadonlyArray<Made>): ReadonlyArray<string> => {
  const events = new Set(made.map(({ eventId }) => eventId))
  const keys = new Set(made.map(({ idempotencyKey }) => idempotencyKey))
  const pairs = new Set(made.map(({ eventId, idempotencyKey }) => `${eventId} ${idempotencyKey}`))
  return events.size === keys.size && keys.size === pairs.size ? [] : ["an event has several idempotency keys"]
}
