import { parkedAs, type ParkedEvent } from "../../pipeline/Parked.ts"
import { type MemoryTables, rowKey } from "./MemoryState.ts"

/** The first event of a key with a reason makes the key a parked one; those behind it join it. */
export const park = (
  tables: MemoryTables,
  { handler, nowMs, partition }: { readonly handler: string; readonly partition: number; readonly nowMs: number },
  one: ParkedEvent
) => {
  const { reason } = one
  const key = parkedAs(one)
  const at = rowKey(handler, key)
  tables.parked.push({ ...one, handler })
  if (reason === undefined || tables.parkedKeys.has(at)) return
  const { attempts, history, message, retryInMs, stack, tag } = reason
  tables.parkedKeys.set(at, {
    handler,
    key,
    ofKey: one.event.key,
    partition,
    parkedAtMs: nowMs,
    status: retryInMs === undefined ? "parked" : "retrying",
    generation: 0,
    attempts,
    dueAtMs: retryInMs === undefined ? undefined : nowMs + retryInMs,
    reason: { tag, message, stack },
    history
  })
}
