import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { alertInputOf } from "../../src/ops/alertInput.ts"
import { type AlertInput, alertRules, backlogEventsMin, evaluateAlerts } from "../../src/ops/alertRules.ts"
import { alertsYaml } from "../support/alertsYaml.ts"
import { handlerOf, overviewOf } from "../support/overviews.ts"
import { hasPrometheus, promtool, skippedWithout } from "../support/promtool.ts"

skippedWithout("promtool check rules and test rules")

const root = fileURLToPath(new URL("../..", import.meta.url))
const read = (path: string) => readFileSync(`${root}${path}`, "utf8")

const quiet: AlertInput = alertInputOf(overviewOf(), { streamShrankPerHour: 0, leaseChangesPerMinute: 0 })

const firingAt = (input: Partial<AlertInput>) =>
  evaluateAlerts({ ...quiet, ...input })
    .filter(({ firing }) => firing)
    .map(({ name }) => name)

/** For each rule: what is just not enough, and what is. */
const limits: Readonly<Record<string, readonly [Partial<AlertInput>, Partial<AlertInput>]>> = {
  OrderViolated: [{ violations: 0 }, { violations: 1 }],
  StreamShrank: [{ streamShrankPerHour: 0 }, { streamShrankPerHour: 1 }],
  NoLeader: [{ hasLeader: true }, { hasLeader: false }],
  OutboxOld: [{ outboxOldestMs: 30_000 }, { outboxOldestMs: 30_001 }],
  StreamNearlyFull: [
    { streamBytes: 80, streamBytesMax: 100 },
    { streamBytes: 81, streamBytesMax: 100 }
  ],
  PeerAway: [{ peersAway: 0 }, { peersAway: 1 }],
  InstanceDown: [{ silentInstances: 0 }, { silentInstances: 1 }],
  PartitionsUnowned: [{ leasesUnowned: 0 }, { leasesUnowned: 1 }],
  ParkedKeys: [{ parkedKeys: 0 }, { parkedKeys: 1 }],
  HandlerResting: [{ restingHandlers: 0 }, { restingHandlers: 1 }],
  PendingEventsHigh: [{ pendingEvents: 10_000 }, { pendingEvents: 10_001 }],
  BacklogStuck: [
    { slowestLagEvents: backlogEventsMin, slowestDrainSeconds: null },
    { slowestLagEvents: backlogEventsMin + 1, slowestDrainSeconds: null }
  ],
  LatencyHigh: [{ latencyP99Ms: 100 }, { latencyP99Ms: 101 }],
  RetriesHigh: [{ retriesPerMinute: 3 }, { retriesPerMinute: 4 }],
  LeasesFlapping: [
    { leases: 16, leaseChangesPerMinute: 16 },
    { leases: 16, leaseChangesPerMinute: 17 }
  ]
}

describe("alert rules", () => {
  it("each fires beyond its limit, alone, and not at it", () => {
    assert.deepStrictEqual(firingAt({}), [])
    assert.sameMembers(
      Object.keys(limits),
      alertRules.map(({ name }) => name)
    )
    for (const [name, [under, over]] of Object.entries(limits)) {
      assert.deepStrictEqual(firingAt(under), [], name)
      assert.deepStrictEqual(firingAt(over), [name])
    }
  })

  it("what cannot be is no alert: a stream without a limit, nothing handled, no leases", () => {
    assert.deepStrictEqual(
      firingAt({ streamBytes: 1e12, streamBytesMax: -1, latencyP99Ms: undefined, leases: 0, leaseChangesPerMinute: 9 }),
      []
    )
  })

  it("say what is measured and what the limit is", () => {
    const outbox = evaluateAlerts({ ...quiet, outboxOldestMs: 42_500 }).find(({ name }) => name === "OutboxOld")
    assert.deepStrictEqual([outbox?.value, outbox?.threshold, outbox?.runbook], ["42.5 s", "> 30 s", "outboxold"])
    const stuck = evaluateAlerts({ ...quiet, slowestLagEvents: 5_000, slowestDrainSeconds: null })
    assert.strictEqual(stuck.find(({ name }) => name === "BacklogStuck")?.value, "∞ s")
  })

  it("look at the worst of an overview", () => {
    const input = alertInputOf(
      overviewOf({
        outbox: { rows: 7, more: false, oldestMs: 9_000, heldKeys: 0 },
        relay: { leader: null, epoch: 1, failing: null },
        stale: [{ what: "nats", sinceMs: 1, why: "" }],
        instances: overviewOf().instances.map((instance) => ({ ...instance, seenMs: 5_001 })),
        handlers: [
          handlerOf({ name: "a", lag: 50, drainSeconds: 10, failedPerSecond: 0.5, latency: null }),
          handlerOf({ name: "b", lag: 40, drainSeconds: null, resting: "it is down" }),
          handlerOf({ name: "c", partitions: { ...handlerOf().partitions, states: "ua" } })
        ]
      }),
      { streamShrankPerHour: 2, leaseChangesPerMinute: 3 }
    )
    assert.deepStrictEqual(input, {
      ...quiet,
      streamShrankPerHour: 2,
      leaseChangesPerMinute: 3,
      pendingEvents: 57,
      retriesPerMinute: 30,
      outboxOldestMs: 9_000,
      hasLeader: false,
      leases: 6,
      leasesUnowned: 1,
      slowestLagEvents: 40,
      slowestDrainSeconds: null,
      restingHandlers: 1,
      silentInstances: 1,
      peersAway: 1
    })
  })

  it("Prometheus is told the same", () => {
    assert.strictEqual(read("deploy/prometheus/alerts.yml"), alertsYaml())
  })

  it("each has a heading in the runbook, with what it means, how to confirm it and what to do", () => {
    const sections = read("docs/runbook.md").split(/^## /m).slice(1)
    const names = alertRules.map(({ name }) => name)
    assert.includeOrderedMembers(
      sections.map((section) => section.slice(0, section.indexOf("\n"))),
      names
    )
    for (const section of sections.filter((one) => names.some((name) => one.startsWith(`${name}\n`)))) {
      for (const part of ["**Means.**", "**Confirm.**", "**Do.**"]) assert.include(section, part)
      assert.match(section, /`pnpm start [a-z]+/)
    }
  })

  it("each is tested to fire and to be over", () => {
    const tests = read("deploy/prometheus/alerts.test.yml")
    for (const { name } of alertRules) {
      const checks = tests.split(`alertname: ${name}\n`).slice(1)
      assert.isTrue(
        checks.some((check) => check.trimStart().startsWith("exp_alerts:\n")),
        name
      )
      assert.match(checks.at(-1) ?? "", /^ +exp_alerts: \[\]/, name)
    }
  })

  it.skipIf(!hasPrometheus)("promtool takes the rules and their tests, and the configuration", () => {
    for (const args of [
      ["check", "rules", `${root}deploy/prometheus/alerts.yml`],
      ["test", "rules", `${root}deploy/prometheus/alerts.test.yml`],
      ["check", "config", "--syntax-only", `${root}deploy/prometheus/prometheus.yml`]
    ]) {
      const { code, said } = promtool(args)
      assert.strictEqual(code, 0, said)
    }
  })
})
