import { keysOf } from "./keysInFlight.ts"
import type { PartitionBody } from "./OverviewApi.ts"
import { partitionRow } from "./partitionColumns.ts"
import type { Samples } from "./Sample.ts"

/** One partition closely; undefined: there is no such handler or partition. */
export const partitionBodyOf = (
  { before, last }: Samples,
  handler: string,
  partition: number
): PartitionBody | undefined => {
  const lease = last?.facts.leases.find((one) => one.handler === handler && one.partition === partition)
  if (last === undefined || lease === undefined) return undefined
  const { cursor, epoch, owner } = lease
  const by = last.facts.controls.find((one) => one.handler === handler && one.partition === partition && one.paused)
  const error = [...last.reports.values()]
    .flatMap(({ errors }) => errors)
    .filter((one) => one.handler === handler && one.partition === partition)
    .toSorted((a, b) => b.atMs - a.atMs)[0]
  return {
    handler,
    partition,
    owner: owner ?? null,
    epoch,
    cursor,
    ...partitionRow(lease, last, before),
    keysInFlight: owner === undefined ? [] : keysOf(last.reports.get(owner), handler, partition),
    paused: by === undefined ? null : { actor: by.actor, why: by.why, atMs: Math.round(by.atMs) },
    lastError: error === undefined ? null : { atMs: error.atMs, key: error.key, message: error.message }
  }
}
