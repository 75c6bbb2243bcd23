import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { readFileSync } from "node:fs"
import { mergeExpositions } from "../../src/ops/exposition.ts"
import { counted, metricLines, seen } from "../../src/ops/metricTable.ts"
import { gaugesOf, noteOverview } from "../../src/ops/overviewGauges.ts"
import { beginMetrics, noteMetrics } from "../../src/ops/SignalMetrics.ts"
import type { StoredEvent } from "../../src/pipeline/Envelope.ts"
import type { Signal } from "../../src/pipeline/Signals.ts"
import { handlerOf, overviewOf } from "../support/overviews.ts"
import { hasPrometheus, promtool, skippedWithout } from "../support/promtool.ts"

skippedWithout("promtool check metrics")

const reason = { tag: "Odd", message: "odd", stack: "", attempts: 1, history: [], retryInMs: undefined }

/** An event that was appended at this time: a UUIDv7 begins with it. */
const appendedAt = (ms: number): StoredEvent => {
  const hex = ms.toString(16).padStart(12, "0")
  const eventId = `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`
  return { eventId, key: "ada", version: 1, type: "noted", traceparent: "", payload: "", seq: 1, outboxId: 1 }
}

const pipeline = { stream: "orders" }

const of = { handler: "mail", partition: 1, key: "ada" }

/** Every signal there is, with the counter it moves, and by how much; undefined: its beginning was counted. */
const every: {
  readonly [Tag in Signal["_tag"]]: readonly [Extract<Signal, { _tag: Tag }>, string | undefined, number]
} = {
  BatchPublished: [
    { _tag: "BatchPublished", ...pipeline, events: 3, tookMs: 4, lastSeq: 3 },
    "events_published_total",
    3
  ],
  BatchHandled: [{ _tag: "BatchHandled", ...of, events: [appendedAt(1)], tookMs: 4 }, "events_handled_total", 1],
  LeadershipTaken: [{ _tag: "LeadershipTaken", ...pipeline, epoch: 1 }, "leaderships_taken_total", 1],
  LeadershipLost: [{ _tag: "LeadershipLost", ...pipeline, epoch: 1, why: "" }, "leaderships_lost_total", 1],
  Reconciled: [{ _tag: "Reconciled", ...pipeline, why: "", found: 1, lastSeq: 1 }, "reconciliations_total", 1],
  StreamShrank: [{ _tag: "StreamShrank", ...pipeline, knownSeq: 2, lastSeq: 1 }, "stream_shrank_total", 1],
  Repartitioned: [{ _tag: "Repartitioned", ...pipeline, first: 16, partitions: 8 }, "repartitions_total", 1],
  HandlerMoved: [
    { _tag: "HandlerMoved", ...pipeline, handler: "mail", first: 16, partitions: 8 },
    "handler_moves_total",
    1
  ],
  PartitionsDiffer: [{ _tag: "PartitionsDiffer", ...pipeline, has: 16, asked: 8 }, undefined, 0],
  KeptRowsReturned: [{ _tag: "KeptRowsReturned", ...pipeline, rows: 5 }, "rows_returned_total", 5],
  KeyHeld: [{ _tag: "KeyHeld", ...pipeline, key: "ada", reason: "" }, "keys_held_total", 1],
  RelayFailed: [{ _tag: "RelayFailed", ...pipeline, what: "", detail: "" }, "relay_failures_total", 1],
  RelayRecovered: [{ _tag: "RelayRecovered", ...pipeline }, undefined, 0],
  PartitionsClaimed: [{ _tag: "PartitionsClaimed", ...pipeline, count: 4, owned: 4 }, "leases_claimed_total", 4],
  PartitionsReleased: [{ _tag: "PartitionsReleased", ...pipeline, count: 2, owned: 2 }, "leases_released_total", 2],
  PartitionLost: [{ _tag: "PartitionLost", ...of, epoch: 1 }, "partitions_lost_total", 1],
  PartitionInterrupted: [{ _tag: "PartitionInterrupted", ...of, detail: "" }, "partitions_interrupted_total", 1],
  AttemptFailed: [{ _tag: "AttemptFailed", ...of, attempt: 1, retryInMs: 1, reason: "" }, "attempts_failed_total", 1],
  KeyParked: [{ _tag: "KeyParked", ...of, version: 1, reason }, "keys_parked_total", 1],
  EventParked: [{ _tag: "EventParked", ...of, version: 1, reason }, "events_parked_total", 1],
  KeyReturned: [{ _tag: "KeyReturned", ...of }, "keys_returned_total", 1],
  OrderViolated: [{ _tag: "OrderViolated", ...of, handledVersion: 1, version: 3 }, "orders_violated_total", 1],
  DeliveriesInterrupted: [{ _tag: "DeliveriesInterrupted", ...of, detail: "" }, "deliveries_interrupted_total", 1],
  LedgerBehind: [{ _tag: "LedgerBehind", ...of, afterSeq: 1 }, "ledger_behind_total", 1],
  ConsumerAhead: [{ _tag: "ConsumerAhead", ...of, deliveredSeq: 1, lastSeq: 1 }, "consumer_ahead_total", 1],
  HandlerPaused: [{ _tag: "HandlerPaused", ...of, reason: "" }, "handler_rests_total", 1],
  HandlerResumed: [{ _tag: "HandlerResumed", ...of }, "handler_resumptions_total", 1],
  OwnershipUnproven: [{ _tag: "OwnershipUnproven", ...pipeline, count: 6 }, "leases_unproven_total", 6],
  BrokerOutOfReach: [{ _tag: "BrokerOutOfReach", ...pipeline, count: 1 }, "broker_out_of_reach_total", 1],
  BrokerInReach: [{ _tag: "BrokerInReach", ...pipeline }, undefined, 0],
  HeartbeatFailed: [{ _tag: "HeartbeatFailed", ...pipeline, detail: "" }, "heartbeat_failures_total", 1],
  HeartbeatRecovered: [{ _tag: "HeartbeatRecovered", ...pipeline }, undefined, 0],
  DefectSurvived: [{ _tag: "DefectSurvived", where: "", detail: "" }, "defects_total", 1],
  ConnectionLost: [{ _tag: "ConnectionLost", peer: "NATS" }, "connections_lost_total", 1],
  ConnectionRestored: [{ _tag: "ConnectionRestored", peer: "NATS" }, undefined, 0],
  StreamDrifted: [{ _tag: "StreamDrifted", ...pipeline, differences: [] }, "stream_drifts_total", 1]
}

/** The values of an exposition, by series. */
const valuesOf = (text: string): ReadonlyMap<string, number> =>
  new Map(
    text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))])
  )

/** What a registry of its own has after that. */
const after = <E>(effect: Effect.Effect<void, E>) =>
  Effect.andThen(effect, PrometheusMetrics.format()).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))

const sumOf = (values: ReadonlyMap<string, number>, name: string) =>
  [...values].reduce((sum, [series, value]) => (series.split("{")[0] === `millrace_${name}` ? sum + value : sum), 0)

describe("metrics", () => {
  it.effect("every signal moves the counter of what happened, or none because its beginning was counted", () =>
    Effect.gen(function* () {
      const counters = Object.values(counted).map(({ name }) => name.replace("millrace_", ""))
      for (const [signal, counter, n] of Object.values(every)) {
        const values = valuesOf(yield* after(noteMetrics(signal)))
        const moved = counters.filter((name) => sumOf(values, name) > 0)
        const beside = { BatchPublished: ["publish_batches_total"], BatchHandled: ["handler_batches_total"] }
        const others = signal._tag === "BatchPublished" || signal._tag === "BatchHandled" ? beside[signal._tag] : []
        assert.sameMembers(moved, counter === undefined ? [] : [counter, ...others], signal._tag)
        if (counter !== undefined) assert.strictEqual(sumOf(values, counter), n, signal._tag)
      }
    })
  )

  it.effect("counters are there before anything happens, so that the first time is an increase", () =>
    Effect.gen(function* () {
      const text = yield* after(beginMetrics(["mail", "push"], ["NATS"]))
      const values = valuesOf(text)
      for (const { labels, name } of Object.values(counted)) {
        const series = [...values.keys()].filter((key) => key.split("{")[0] === name)
        assert.lengthOf(series, [...labels].includes("handler") ? 2 : 1, name)
      }
      assert.isTrue([...values.values()].every((value) => value === 0))
      assert.strictEqual(values.get(`millrace_latency_seconds_count{handler="push"}`), 0)
    })
  )

  it.effect("latencies are from an event's append, in cumulative buckets of its handler", () =>
    Effect.gen(function* () {
      // The test's clock stands at 0, where nothing can have been appended before: one that is ahead counts as 0.
      const batch = (events: ReadonlyArray<StoredEvent>): Signal => ({
        _tag: "BatchHandled",
        ...of,
        events,
        tookMs: 30
      })
      const values = valuesOf(yield* after(noteMetrics(batch([appendedAt(1), appendedAt(2)]))))
      assert.strictEqual(values.get(`millrace_latency_seconds_bucket{handler="mail",le="0.001"}`), 2)
      assert.strictEqual(values.get(`millrace_handler_batch_seconds_bucket{handler="mail",le="0.02"}`), 0)
      assert.strictEqual(values.get(`millrace_handler_batch_seconds_bucket{handler="mail",le="0.03"}`), 1)
    })
  )

  it.live("an event of 150 ms ago is in the bucket up to 0.2 s and those above it", () =>
    Effect.gen(function* () {
      const events = [appendedAt(Date.now() - 150), appendedAt(Date.now() - 150_000)]
      const values = valuesOf(yield* after(noteMetrics({ _tag: "BatchHandled", ...of, events, tookMs: 1 })))
      const bucket = (le: string) => values.get(`millrace_latency_seconds_bucket{handler="mail",le="${le}"}`)
      assert.deepStrictEqual(
        [bucket("0.1"), bucket("0.3"), bucket("60"), bucket("300"), bucket("+Inf")],
        [0, 1, 1, 2, 2]
      )
      const sum = values.get(`millrace_latency_seconds_sum{handler="mail"}`) ?? 0
      assert.isTrue(sum > 150.1 && sum < 151, String(sum))
    })
  )

  it("the overview's numbers are gauges, each of the table and in its units", () => {
    const handler = handlerOf({
      lag: 12,
      oldestMs: 3_500,
      drainSeconds: null,
      parkedKeys: 2,
      violations: 1,
      resting: "its downstream is down",
      paused: { actor: "ann", why: "", atMs: 1 },
      throttledPerSecond: 50,
      partitions: { ...handlerOf().partitions, states: "au" }
    })
    const gauges = gaugesOf(
      overviewOf({
        handlers: [handler, handlerOf({ name: "push", lag: 3 })],
        outbox: { rows: 5, more: false, oldestMs: 1_500, heldKeys: 1 },
        relay: { leader: null, epoch: 8, failing: "no" },
        stale: [{ what: "nats", sinceMs: 1, why: "" }]
      })
    )
    const value = (name: string, label?: string) =>
      gauges.find(
        ({ labels, line }) =>
          line.name === `millrace_${name}` && (label === undefined || Object.values(labels).includes(label))
      )?.value
    assert.deepStrictEqual(
      [
        value("pending_events"),
        value("outbox_oldest_seconds"),
        value("lag_events", "push"),
        value("lag_oldest_seconds", "mail")
      ],
      [17, 1.5, 3, 3.5]
    )
    assert.deepStrictEqual([value("drain_seconds", "mail"), value("drain_seconds", "push")], [Infinity, 0])
    assert.deepStrictEqual([value("leases_owned", "mail"), value("leases_unowned", "mail")], [1, 1])
    assert.deepStrictEqual([value("relay_leaders"), value("relay_failing"), value("relay_epoch")], [0, 1, 8])
    assert.deepStrictEqual([value("peers_away", "nats"), value("peers_away", "postgres")], [1, 0])
    assert.deepStrictEqual([value("handlers_paused", "mail"), value("handlers_resting", "push")], [1, 0])
    assert.strictEqual(value("handlers_throttle_events_per_second", "push"), Infinity)
    const names = new Set(gauges.map(({ line }) => line.name))
    const missing = Object.values(seen).filter(({ name }) => !names.has(name))
    assert.deepStrictEqual(missing, [seen.engineAnswers])
  })

  it("two threads' expositions become one: each metric once, counts summed up", () => {
    const one = '# HELP a_total A.\n# TYPE a_total counter\na_total{x="1 2"} 1\n# TYPE g gauge\ng +Inf\n'
    const other = '# HELP a_total A.\n# TYPE a_total counter\na_total{x="1 2"} 2\na_total{x="3"} 5\n'
    assert.strictEqual(
      mergeExpositions([one, other]),
      '# HELP a_total A.\n# TYPE a_total counter\na_total{x="1 2"} 3\na_total{x="3"} 5\n# TYPE g gauge\ng +Inf\n'
    )
  })

  it.effect.skipIf(!hasPrometheus)("promtool finds nothing wrong with any of it", () =>
    Effect.gen(function* () {
      const all = Effect.gen(function* () {
        yield* beginMetrics(["mail", "push"], ["NATS"])
        for (const [signal] of Object.values(every)) yield* noteMetrics(signal)
        yield* noteOverview(overviewOf({ handlers: [handlerOf(), handlerOf({ name: "push", drainSeconds: null })] }))
      })
      const [main, engine] = [yield* after(all), yield* after(all)]
      const { code, said } = promtool(["check", "metrics"], mergeExpositions([main, engine]))
      assert.deepStrictEqual({ code, said }, { code: 0, said: "" })
    })
  )

  it("the documentation lists every metric", () => {
    const documents = readFileSync(new URL("../../docs/monitoring.md", import.meta.url), "utf8")
    const table = metricLines.map(
      ({ help, labels, name, type }) => `| \`${name}\` | ${type} | ${labels.join(", ")} | ${help} |`
    )
    const shown = documents.split("<!-- metrics: begin -->")[1]?.split("<!-- metrics: end -->")[0]?.trim()
    assert.strictEqual(shown, ["| metric | type | labels | what it says |", "|---|---|---|---|", ...table].join("\n"))
  })
})
