import { Duration, Effect } from "effect"
import { type Check, check, ok, warning } from "../pipeline/Check.ts"
import type { OverviewBody } from "./OverviewApi.ts"

/**
 * Whether balanced handlers are done with an event long before the broker gives it to another instance, should this one
 * have crashed. (Those of ordered ones are not given away by time; see ADR 0010.) What is measured begins with the append.
 */
export const ackWaitCheck = (
  ackWait: Duration.Duration,
  overview: Effect.Effect<Pick<OverviewBody, "handlers">>
): Check =>
  check(
    "ack wait",
    "",
    Effect.map(overview, ({ handlers }) => result(Duration.toMillis(ackWait), handlers))
  )

const result = (ackWaitMs: number, handlers: OverviewBody["handlers"]) => {
  const balanced = handlers.filter(({ delivery, latency }) => delivery === "balanced" && latency !== null)
  const slowest = balanced.toSorted((a, b) => (b.latency?.p99 ?? 0) - (a.latency?.p99 ?? 0))[0]
  const limit = `ACK_WAIT_SECONDS is ${ackWaitMs / 1_000}`
  if (slowest === undefined) return ok(`${limit}; no balanced handler had anything to do in the last minute`)
  const p99Ms = slowest.latency?.p99 ?? 0
  const said = `${limit}; 99 of 100 events are handled by ${slowest.name} within ${Math.round(p99Ms)} ms of their append`
  const remedy = `make it faster, give it more instances, or raise ACK_WAIT_SECONDS`
  if (p99Ms > ackWaitMs) return warning(`${said}: a backlog, or a handler that is slow`, remedy)
  return p99Ms > ackWaitMs / 2 ? warning(said, remedy) : ok(said)
}
