import type { HandlerBody, OverviewBody } from "../../src/ops/OverviewApi.ts"

/** A handler of two partitions at which nothing is wrong. */
export const handlerOf = (fields: Partial<HandlerBody> = {}): HandlerBody => ({
  name: "mail",
  delivery: "ordered",
  paused: null,
  resting: null,
  throttledPerSecond: null,
  handledPerSecond: 10,
  failedPerSecond: 0,
  latency: { p50: 5, p95: 20, p99: 50, max: 80 },
  lag: 0,
  oldestMs: 0,
  inHand: 0,
  drainSeconds: 0,
  parkedKeys: 0,
  parkedEvents: 0,
  retryingKeys: 0,
  violations: 0,
  epochs: 6,
  partitions: {
    first: 0,
    states: "ii",
    lag: [0, 0],
    oldestMs: [0, 0],
    perSecond: [5, 5],
    p95Ms: [20, 20],
    failures: [0, 0]
  },
  ...fields
})

/** A pipeline of one instance at which nothing is wrong. */
export const overviewOf = (fields: Partial<OverviewBody> = {}): OverviewBody => ({
  atMs: 1_000_000,
  stream: "orders",
  environment: "test",
  command: "pnpm start",
  version: "1.2.3",
  readOnly: false,
  stale: [],
  partitions: 2,
  first: 0,
  wantedPartitions: null,
  rates: { appended: 10, published: 10, handled: 10 },
  latency: { p50: 5, p95: 20, p99: 50, max: 80 },
  outbox: { rows: 0, more: false, oldestMs: 0, heldKeys: 0 },
  relay: { leader: "one", epoch: 7, failing: null },
  broker: { firstSeq: 1, lastSeq: 100, messages: 100, bytes: 1_000, bytesMax: 100_000 },
  lag: { events: 0, oldestMs: 0, inHand: 0 },
  parked: { keys: 0, events: 0, retryingKeys: 0 },
  violations: 0,
  handlers: [handlerOf()],
  instances: [
    {
      id: "one",
      host: "here",
      version: "1.2.3",
      roles: ["api", "relay", "worker", "ops"],
      startedAtMs: 1,
      seenMs: 400,
      leads: true,
      partitions: 2,
      inHand: 0,
      draining: false
    }
  ],
  alerts: [],
  ...fields
})
