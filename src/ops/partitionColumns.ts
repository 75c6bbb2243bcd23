import { isPaused } from "../pipeline/Control.ts"
import type { LeaseFacts } from "../pipeline/PipelineView.ts"
import type { PartitionReport } from "./InstanceReport.ts"
import { type HandlerBody, type PartitionState, partitionStates } from "./OverviewApi.ts"
import { lagAt, perSecond, type Sample } from "./Sample.ts"

/** A partition of a handler, with all that is known of it. */
export interface PartitionRow {
  readonly state: PartitionState
  readonly lag: number
  readonly oldestMs: number
  readonly perSecond: number
  readonly p95Ms: number
  readonly failures: number
  readonly inHand: number
}

/** Waits for so long, and nothing is handled: it stands. */
const stalledMs = 5_000

const letters = new Map<PartitionState, string>(
  Object.entries(partitionStates).map(([letter, state]) => [state, letter])
)

/** The columns of a handler. */
export const columnsOf = (
  handler: string,
  leases: ReadonlyArray<LeaseFacts>,
  now: Sample,
  before: Sample | undefined
): HandlerBody["partitions"] => {
  const nowRows = reportRows(handler, now)
  const oldRows = before === undefined ? undefined : reportRows(handler, before)
  const rows = leases.map((lease) => rowOf(lease, { now, before, nowRows, oldRows }))
  return {
    first: leases[0]?.partition ?? 0,
    states: rows.map(({ state }) => letters.get(state)).join(""),
    lag: rows.map(({ lag }) => lag),
    oldestMs: rows.map(({ oldestMs }) => oldestMs),
    perSecond: rows.map((row) => row.perSecond),
    p95Ms: rows.map(({ p95Ms }) => p95Ms),
    failures: rows.map(({ failures }) => failures)
  }
}

/** One partition, by the same rules. */
export const partitionRow = (lease: LeaseFacts, now: Sample, before: Sample | undefined): PartitionRow =>
  rowOf(lease, {
    now,
    before,
    nowRows: reportRows(lease.handler, now),
    oldRows: before === undefined ? undefined : reportRows(lease.handler, before)
  })

/** What owners say, by instance and partition: who is gone may have said something of what another has now. */
type Rows = ReadonlyMap<string, PartitionReport>

const rowAt = (id: string | undefined, partition: number) => `${partition} ${id ?? ""}`

const reportRows = (handler: string, { reports }: Sample): Rows =>
  new Map(
    [...reports].flatMap(([id, report]) => {
      const at = report.handlers.findIndex(({ name }) => name === handler)
      return report.partitions.filter(([of]) => of === at).map((row) => [rowAt(id, row[1]), row] as const)
    })
  )

interface Known {
  readonly now: Sample
  readonly before: Sample | undefined
  readonly nowRows: Rows
  readonly oldRows: Rows | undefined
}

const rowOf = (lease: LeaseFacts, { before, now, nowRows, oldRows }: Known): PartitionRow => {
  const { handler, owner, partition } = lease
  const own = nowRows.get(rowAt(owner, partition))
  const old = oldRows?.get(rowAt(owner, partition))
  const [, , handled = 0, failures = 0, inHand = 0, oldestAtMs = 0, p95Ms = 0] = own ?? []
  const ms = now.atMs - (before?.atMs ?? now.atMs)
  const rate = old === undefined ? 0 : perSecond(handled, old[2], ms)
  const lag = now.lags.get(lagAt(handler, partition)) ?? { events: lease.delivery === "balanced" ? 0 : -1, oldestMs: 0 }
  const oldestMs = oldestAtMs > 0 && lag.events !== 0 ? Math.max(0, now.facts.nowMs - oldestAtMs) : lag.oldestMs
  const figures = { lag: lag.events, oldestMs, perSecond: rate, p95Ms, failures, inHand }
  return { ...figures, state: stateOf(lease, figures, now) }
}

const stateOf = (
  { delivery, handler, owner, partition }: LeaseFacts,
  { failures, lag, oldestMs, perSecond: rate }: Omit<PartitionRow, "state">,
  { facts, reports }: Sample
): PartitionState => {
  const report = owner === undefined ? undefined : reports.get(owner)
  // Events of a balanced handler are of any partition.
  const isBusy =
    delivery === "balanced" && report?.handlers.some((one) => one.name === handler && one.inHand > 0) === true
  if (isPaused(facts.controls, handler, partition)) return "paused"
  if (owner === undefined) return "unowned"
  if (report?.draining === true) return "draining"
  if (report?.handlers.some(({ name, resting }) => name === handler && resting !== null) === true) return "held"
  if (failures > 0) return "failing"
  if (rate > 0 || isBusy) return "active"
  return lag > 0 && oldestMs > stalledMs ? "stalled" : lag > 0 ? "active" : "idle"
}
