import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { ackWaitCheck } from "../../src/ops/ackWaitCheck.ts"
import type { HandlerBody } from "../../src/ops/OverviewApi.ts"

/** A handler that did something in the last minute; all that is not looked at is nothing. */
const handler = (name: string, delivery: "ordered" | "balanced", p99: number | undefined): HandlerBody => ({
  name,
  delivery,
  paused: null,
  resting: null,
  throttledPerSecond: null,
  handledPerSecond: 0,
  failedPerSecond: 0,
  latency: p99 === undefined ? null : { p50: 1, p95: 1, p99, max: p99 },
  lag: 0,
  oldestMs: 0,
  inHand: 0,
  drainSeconds: 0,
  parkedKeys: 0,
  parkedEvents: 0,
  retryingKeys: 0,
  violations: 0,
  epochs: 0,
  partitions: { first: 0, states: "", lag: [], oldestMs: [], perSecond: [], p95Ms: [], failures: [] }
})

const look = (...handlers: ReadonlyArray<HandlerBody>) =>
  ackWaitCheck(Duration.seconds(30), Effect.succeed({ handlers })).run

describe("ack wait against p99", () => {
  it.effect("half of it is the limit, of the slowest balanced handler", () =>
    Effect.gen(function* () {
      const fast = yield* look(handler("quick", "balanced", 5), handler("sums", "balanced", 15_000))
      assert.strictEqual(fast.status, "ok", fast.detail)
      const slow = yield* look(handler("quick", "balanced", 5), handler("sums", "balanced", 15_001))
      assert.strictEqual(slow.status, "warning")
      assert.match(slow.detail, /sums within 15001 ms/)
      assert.match(slow.remedy, /raise ACK_WAIT_SECONDS/)
    })
  )

  it.effect("ordered handlers do not count, nor those that had nothing to do", () =>
    Effect.gen(function* () {
      const found = yield* look(handler("mail", "ordered", 600_000), handler("sums", "balanced", undefined))
      assert.strictEqual(found.status, "ok")
      assert.match(found.detail, /no balanced handler had anything to do/)
    })
  )
})
