import type { InstanceStatus } from "../pipeline/SelfReport.ts"
import { keysAfterMs, keysOfPartitionMax, keysReportedMaxChars, type KeysReport } from "./InstanceReport.ts"

/** Keys in flight where something is stuck, of what is stuck longest, as far as there is room: it goes out with each beat. */
export const keysInFlight = (
  { nowMs, partitions }: InstanceStatus,
  names: ReadonlyArray<string>
): ReadonlyArray<KeysReport> => {
  const stuck = partitions
    .flatMap((one) =>
      one.oldestAppendedAtMs === undefined || nowMs - one.oldestAppendedAtMs < keysAfterMs
        ? []
        : [{ ...one, sinceMs: one.oldestAppendedAtMs }]
    )
    .toSorted((a, b) => a.sinceMs - b.sinceMs)
  let room = keysReportedMaxChars
  return stuck.flatMap(({ handler, oldestKeys, partition }): ReadonlyArray<KeysReport> => {
    if (room <= 0) return []
    const keys = oldestKeys(keysOfPartitionMax).filter((key) => (room -= key.length) >= 0)
    return keys.length === 0 ? [] : [[names.indexOf(handler), partition, keys]]
  })
}

/** Those of a partition, out of its owner's report. */
export const keysOf = (
  report:
    | { readonly handlers: ReadonlyArray<{ readonly name: string }>; readonly inFlight?: ReadonlyArray<KeysReport> }
    | undefined,
  handler: string,
  partition: number
): ReadonlyArray<string> => {
  const at = report?.handlers.findIndex(({ name }) => name === handler)
  return report?.inFlight?.find(([of, one]) => of === at && one === partition)?.[2] ?? []
}
