/** A metric as its readers know it. */
export interface MetricLine {
  readonly name: string
  readonly type: "counter" | "gauge" | "histogram"
  readonly labels: ReadonlyArray<"handler" | "peer" | "version" | "environment">
  readonly help: string
}

const metric =
  (type: MetricLine["type"]) =>
  (name: string, help: string, ...labels: MetricLine["labels"]): MetricLine => ({ name, type, labels, help })

const counter = metric("counter")

const gauge = metric("gauge")

const histogram = metric("histogram")

/** What is counted where it happens, in each process by itself. */
export const counted = {
  eventsPublished: counter("millrace_events_published_total", "Events stored in the stream by the relay"),
  publishBatches: counter("millrace_publish_batches_total", "Batches they were published in"),
  leadershipsTaken: counter(
    "millrace_leaderships_taken_total",
    "Times this process began to lead the relay, each under a new epoch"
  ),
  leadershipsLost: counter("millrace_leaderships_lost_total", "Times it had to give that up"),
  reconciliations: counter(
    "millrace_reconciliations_total",
    "Times the relay read the stream to find out what is in it"
  ),
  streamShrank: counter(
    "millrace_stream_shrank_total",
    "Times the stream was found shorter than what had been acknowledged"
  ),
  rowsReturned: counter("millrace_rows_returned_total", "Kept events that went out again because the broker lost them"),
  keysHeld: counter(
    "millrace_keys_held_total",
    "Keys held back in the outbox, because the stream does not take an event of theirs"
  ),
  relayFailures: counter("millrace_relay_failures_total", "Times the relay began to be unable to publish"),
  leasesClaimed: counter("millrace_leases_claimed_total", "Partitions claimed, each under a new epoch"),
  leasesReleased: counter("millrace_leases_released_total", "Partitions given back"),
  leasesUnproven: counter(
    "millrace_leases_unproven_total",
    "Partitions given up because they could not be renewed in time"
  ),
  brokerLost: counter(
    "millrace_broker_out_of_reach_total",
    "Times this process gave its partitions up because NATS was out of reach"
  ),
  heartbeatFailures: counter(
    "millrace_heartbeat_failures_total",
    "Times it began to be unable to renew its partitions"
  ),
  repartitions: counter("millrace_repartitions_total", "Times the number of partitions was changed"),
  defects: counter("millrace_defects_total", "Bugs that were survived"),
  streamDrifts: counter("millrace_stream_drifts_total", "Times the stream was found to differ from its declaration"),
  connectionsLost: counter("millrace_connections_lost_total", "Connections lost", "peer"),
  eventsHandled: counter("millrace_events_handled_total", "Events handled and committed", "handler"),
  handlerBatches: counter("millrace_handler_batches_total", "Commits they were handled in", "handler"),
  attemptsFailed: counter("millrace_attempts_failed_total", "Attempts that failed and are made again", "handler"),
  keysParked: counter("millrace_keys_parked_total", "Times a key was parked", "handler"),
  eventsParked: counter(
    "millrace_events_parked_total",
    "Times a single event of a balanced handler was parked",
    "handler"
  ),
  keysReturned: counter("millrace_keys_returned_total", "Keys of which nothing is put aside any more", "handler"),
  orderViolated: counter("millrace_orders_violated_total", "Events that came out of the order of their key", "handler"),
  handlerMoves: counter(
    "millrace_handler_moves_total",
    "Times it went on with other partitions, their number having been changed",
    "handler"
  ),
  partitionsLost: counter(
    "millrace_partitions_lost_total",
    "Partitions that passed to another instance while in hand",
    "handler"
  ),
  partitionsInterrupted: counter(
    "millrace_partitions_interrupted_total",
    "Times a partition was opened again after a failure",
    "handler"
  ),
  deliveriesInterrupted: counter(
    "millrace_deliveries_interrupted_total",
    "Times a balanced handler's deliveries broke off",
    "handler"
  ),
  ledgerBehind: counter("millrace_ledger_behind_total", "Times the database knew of less than the broker", "handler"),
  consumerAhead: counter("millrace_consumer_ahead_total", "Times the broker knew of less than its consumer", "handler"),
  handlerRests: counter("millrace_handler_rests_total", "Times a handler began to rest by itself", "handler"),
  handlerResumptions: counter("millrace_handler_resumptions_total", "Times it worked again", "handler")
} as const satisfies Record<string, MetricLine>

/** What is measured where it happens. Seconds, and their buckets, in `histogramBounds`. */
export const measured = {
  latency: histogram("millrace_latency_seconds", "From an event's append to the commit of its handling", "handler"),
  batchSeconds: histogram(
    "millrace_handler_batch_seconds",
    "How long a handler's commits took, effects included",
    "handler"
  ),
  publishSeconds: histogram("millrace_publish_seconds", "How long the broker took for a batch"),
  publishEvents: histogram("millrace_publish_batch_events", "Events of a batch")
} as const satisfies Record<string, MetricLine>

/** What is seen of the whole pipeline: the same from every instance, so take the `max` of it. */
export const seen = {
  info: gauge("millrace_build_info", "1; the version that is running", "version", "environment"),
  engineAnswers: gauge("millrace_engine_answers", "Whether relay and workers of this process answer: 1 or 0"),
  pendingEvents: gauge(
    "millrace_pending_events",
    "Events in the outbox, and those that the handler that is furthest behind has not handled"
  ),
  outboxEvents: gauge("millrace_outbox_events", "Events in the outbox"),
  outboxOldest: gauge("millrace_outbox_oldest_seconds", "Age of the oldest of them"),
  heldKeys: gauge("millrace_held_keys", "Keys held back in the outbox"),
  relayLeaders: gauge("millrace_relay_leaders", "Relays that lead: 1, or 0"),
  relayEpoch: gauge("millrace_relay_epoch", "Grows with each change of the leader"),
  relayFailing: gauge("millrace_relay_failing", "Whether the relay cannot publish: 1 or 0"),
  streamMessages: gauge("millrace_stream_messages", "Events in the stream"),
  streamBytes: gauge("millrace_stream_bytes", "Size of the stream"),
  streamLimit: gauge("millrace_stream_limit_bytes", "Size at which it is full; 0: never"),
  streamLastSeq: gauge("millrace_stream_last_seq", "Sequence of the last event in the stream"),
  lag: gauge("millrace_lag_events", "Events in the stream that are not handled", "handler"),
  lagOldest: gauge("millrace_lag_oldest_seconds", "Age of the oldest of them", "handler"),
  drain: gauge(
    "millrace_drain_seconds",
    "Time until they are handled at the present pace; +Inf: they do not get fewer",
    "handler"
  ),
  inHand: gauge("millrace_in_hand_events", "Events taken in and not committed", "handler"),
  parkedKeys: gauge(
    "millrace_parked_keys",
    "Keys, or single events of balanced handlers, that wait for somebody",
    "handler"
  ),
  parkedEvents: gauge("millrace_parked_events", "Events that are put aside", "handler"),
  retryingKeys: gauge("millrace_retrying_keys", "Keys that are put aside until their next attempt", "handler"),
  violations: gauge("millrace_order_violations", "Order violations that nobody has acknowledged; must be 0", "handler"),
  leasesOwned: gauge("millrace_leases_owned", "Partitions that somebody works on", "handler"),
  leasesUnowned: gauge("millrace_leases_unowned", "Partitions that nobody works on", "handler"),
  leaseEpochs: gauge(
    "millrace_lease_epochs",
    "Sum of the epochs of its partitions: it grows by one with each that is claimed, by whomever",
    "handler"
  ),
  paused: gauge("millrace_handlers_paused", "Whether an operator paused it: 1 or 0", "handler"),
  resting: gauge("millrace_handlers_resting", "Whether it rests by itself: 1 or 0", "handler"),
  throttle: gauge(
    "millrace_handlers_throttle_events_per_second",
    "Events a second that an operator allows; +Inf: as many as it can",
    "handler"
  ),
  instances: gauge("millrace_instances", "Instances that show themselves alive"),
  instancesSilent: gauge("millrace_instances_silent", "Of them, those that have not done so of late"),
  instancesDraining: gauge("millrace_instances_draining", "Of them, those that give their partitions up"),
  peersAway: gauge("millrace_peers_away", "Whether it cannot be read, and what is shown of it is old: 1 or 0", "peer")
} as const satisfies Record<string, MetricLine>

/** What the process takes of its machine, all its threads together. */
export const taken = {
  cpu: counter("process_cpu_seconds_total", "Time on a processor"),
  memory: gauge("process_resident_memory_bytes", "Memory"),
  started: gauge("process_start_time_seconds", "When it was started, since 1970")
} as const satisfies Record<string, MetricLine>

/** Every metric there is, as the documentation lists them. */
export const metricLines: ReadonlyArray<MetricLine> = [
  ...Object.values(counted),
  ...Object.values(measured),
  ...Object.values(seen),
  ...Object.values(taken)
]

/** Upper bounds of the buckets. */
export const histogramBounds = {
  seconds: [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3_600
  ],
  events: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000]
} as const
