/**
 * The shipped alert rules as data. `deploy/prometheus/alerts.yml` says the same to Prometheus, and a test keeps the two
 * equal; `docs/runbook.md` has a heading for each.
 */

/** What the rules look at: one pipeline, all its instances, at one moment. */
export interface AlertInput {
  /** Rows of the outbox and the lag of the handler that is furthest behind. */
  readonly pendingEvents: number
  /** Of the slowest handler, from append to handled, over the last minute; undefined: nothing was handled. */
  readonly latencyP99Ms: number | undefined
  /** Failed attempts of the handler that fails most, in the last minute. */
  readonly retriesPerMinute: number
  readonly streamBytes: number
  /** 0 or less: without a limit. */
  readonly streamBytesMax: number
  readonly outboxOldestMs: number
  readonly parkedKeys: number
  readonly violations: number
  readonly hasLeader: boolean
  /** How often the relay found the stream shorter than it had been, in the last hour. */
  readonly streamShrankPerHour: number
  /** Leases claimed in the last minute, by all instances. */
  readonly leaseChangesPerMinute: number
  /** All leases there are, owned or not. */
  readonly leases: number
  readonly leasesUnowned: number
  /** Lag of the handler that needs longest, and how long; null: its lag does not shrink. */
  readonly slowestLagEvents: number
  readonly slowestDrainSeconds: number | null
  /** Handlers that rest by themselves. */
  readonly restingHandlers: number
  /** Instances that did not show themselves alive for `silentAfterMs`. */
  readonly silentInstances: number
  /** Servers (Postgres, NATS) that cannot be read. */
  readonly peersAway: number
}

/** After so long without a beat of its heart an instance counts as silent. */
export const silentAfterMs = 5_000

/** A backlog smaller than this is not worth a word, however slowly it goes. */
export const backlogEventsMin = 1_000

/** A rule: it fires when its value is on the wrong side of its threshold. */
export interface AlertRule {
  readonly name: string
  readonly severity: "critical" | "warning"
  readonly comparison: ">" | "<"
  readonly threshold: number
  readonly unit: string
  /** How long it must be so before Prometheus tells anybody. */
  readonly forSeconds: number
  /** The same value in PromQL, without comparison and threshold. */
  readonly expr: string
  readonly summary: string
  readonly valueOf: (input: AlertInput) => number
}

/** How a rule stands. `runbook` is its heading there, as an anchor. */
export interface AlertState {
  readonly name: string
  readonly severity: AlertRule["severity"]
  readonly firing: boolean
  readonly value: string
  readonly threshold: string
  readonly summary: string
  readonly runbook: string
}

/** Every rule, the gravest first. */
export const alertRules: ReadonlyArray<AlertRule> = [
  {
    name: "OrderViolated",
    severity: "critical",
    comparison: ">",
    threshold: 0,
    unit: "events",
    forSeconds: 0,
    expr: "max by (handler) (millrace_order_violations)",
    summary: "An event arrived out of the order of its key. This must never be",
    valueOf: ({ violations }) => violations
  },
  {
    name: "StreamShrank",
    severity: "critical",
    comparison: ">",
    threshold: 0,
    unit: "times in the last hour",
    forSeconds: 0,
    expr: "sum(increase(millrace_stream_shrank_total[1h]))",
    summary: "The broker lost events that it had acknowledged",
    valueOf: ({ streamShrankPerHour }) => streamShrankPerHour
  },
  {
    name: "NoLeader",
    severity: "critical",
    comparison: "<",
    threshold: 1,
    unit: "leaders",
    forSeconds: 15,
    expr: "max(millrace_relay_leaders)",
    summary: "No relay publishes: events wait in the outbox",
    valueOf: ({ hasLeader }) => (hasLeader ? 1 : 0)
  },
  {
    name: "OutboxOld",
    severity: "critical",
    comparison: ">",
    threshold: 30,
    unit: "s",
    forSeconds: 0,
    expr: "max(millrace_outbox_oldest_seconds)",
    summary: "The oldest event in the outbox waits too long to be published",
    valueOf: ({ outboxOldestMs }) => outboxOldestMs / 1_000
  },
  {
    name: "StreamNearlyFull",
    severity: "critical",
    comparison: ">",
    threshold: 80,
    unit: "%",
    forSeconds: 60,
    expr: "100 * max(millrace_stream_bytes / (millrace_stream_limit_bytes > 0))",
    summary: "The stream is nearly full; once it is, events wait in the outbox",
    valueOf: ({ streamBytes, streamBytesMax }) => (streamBytesMax > 0 ? (100 * streamBytes) / streamBytesMax : 0)
  },
  {
    name: "PeerAway",
    severity: "critical",
    comparison: ">",
    threshold: 0,
    unit: "servers",
    forSeconds: 15,
    expr: "max by (peer) (millrace_peers_away)",
    summary: "Postgres or NATS does not answer",
    valueOf: ({ peersAway }) => peersAway
  },
  {
    name: "InstanceDown",
    severity: "critical",
    comparison: ">",
    threshold: 0,
    unit: "instances",
    forSeconds: 15,
    expr: 'count(up{job="millrace"} == 0) or max(millrace_instances_silent)',
    summary: "An instance is down, or does not show itself alive",
    valueOf: ({ silentInstances }) => silentInstances
  },
  {
    name: "PartitionsUnowned",
    severity: "critical",
    comparison: ">",
    threshold: 0,
    unit: "partitions",
    forSeconds: 30,
    expr: "max by (handler) (millrace_leases_unowned)",
    summary: "Nobody works on some partitions",
    valueOf: ({ leasesUnowned }) => leasesUnowned
  },
  {
    name: "ParkedKeys",
    severity: "warning",
    comparison: ">",
    threshold: 0,
    unit: "keys",
    forSeconds: 0,
    expr: "max by (handler) (millrace_parked_keys)",
    summary: "Keys are parked: their events wait for somebody",
    valueOf: ({ parkedKeys }) => parkedKeys
  },
  {
    name: "HandlerResting",
    severity: "warning",
    comparison: ">",
    threshold: 0,
    unit: "handlers",
    forSeconds: 60,
    expr: "max by (handler) (millrace_handlers_resting)",
    summary: "A handler rests: what it needs is down, or it has parked too much",
    valueOf: ({ restingHandlers }) => restingHandlers
  },
  {
    name: "PendingEventsHigh",
    severity: "warning",
    comparison: ">",
    threshold: 10_000,
    unit: "events",
    forSeconds: 60,
    expr: "max(millrace_pending_events)",
    summary: "More comes in than is handled",
    valueOf: ({ pendingEvents }) => pendingEvents
  },
  {
    name: "BacklogStuck",
    severity: "warning",
    comparison: ">",
    threshold: 3_600,
    unit: "s",
    forSeconds: 300,
    expr: `max by (handler) (millrace_drain_seconds and millrace_lag_events > ${backlogEventsMin})`,
    summary: "At the present pace a backlog will not be gone within an hour",
    valueOf: ({ slowestDrainSeconds, slowestLagEvents }) =>
      slowestLagEvents > backlogEventsMin ? (slowestDrainSeconds ?? Number.POSITIVE_INFINITY) : 0
  },
  {
    name: "LatencyHigh",
    severity: "warning",
    comparison: ">",
    threshold: 100,
    unit: "ms",
    forSeconds: 60,
    expr: "1000 * histogram_quantile(0.99, sum by (handler, le) (rate(millrace_latency_seconds_bucket[1m])))",
    summary: "Of a hundred events, one takes longer than it may from its command to being handled",
    valueOf: ({ latencyP99Ms }) => latencyP99Ms ?? 0
  },
  {
    name: "RetriesHigh",
    severity: "warning",
    comparison: ">",
    threshold: 3,
    unit: "failed attempts a minute",
    forSeconds: 60,
    expr: "60 * sum by (handler) (rate(millrace_attempts_failed_total[1m]))",
    summary: "A handler keeps failing and trying again",
    valueOf: ({ retriesPerMinute }) => retriesPerMinute
  },
  {
    name: "LeasesFlapping",
    severity: "warning",
    comparison: ">",
    threshold: 1,
    unit: "claims a minute for each lease",
    forSeconds: 180,
    expr: "60 * sum(max by (handler) (rate(millrace_lease_epochs[2m]))) / sum(max by (handler) (millrace_leases_owned + millrace_leases_unowned))",
    summary: "Partitions keep passing from one instance to another",
    valueOf: ({ leaseChangesPerMinute, leases }) => (leases === 0 ? 0 : leaseChangesPerMinute / leases)
  }
]

/** How every rule stands, in the order of the rules. */
export const evaluateAlerts = (input: AlertInput): ReadonlyArray<AlertState> =>
  alertRules.map((rule) => {
    const value = rule.valueOf(input)
    const firing = rule.comparison === ">" ? value > rule.threshold : value < rule.threshold
    return {
      name: rule.name,
      severity: rule.severity,
      firing,
      value: `${numberText(value)} ${rule.unit}`,
      threshold: `${rule.comparison} ${numberText(rule.threshold)} ${rule.unit}`,
      summary: rule.summary,
      runbook: rule.name.toLowerCase()
    }
  })

// One for all: each is made anew otherwise, which takes longer than everything else about a rule.
const numbers = new Intl.NumberFormat("en", { maximumFractionDigits: 1 })

const numberText = (value: number) => (Number.isFinite(value) ? numbers.format(value) : "∞")
