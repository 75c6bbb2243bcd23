import { Clock, Duration, Effect, Schedule } from "effect"
import { type Doorbell, makeDoorbell } from "./Doorbell.ts"
import type { OutboxRow } from "./Envelope.ts"
import { EventLog, type LogDeclaration } from "./EventLog.ts"
import { keepGoing } from "./keepGoing.ts"
import { isKeeping, type Leader, type RelayTiming } from "./Leader.ts"
import { lingerAfter, rest } from "./Linger.ts"
import { BrokerRefused } from "./PipelineError.ts"
import { presentInfo, reconcile } from "./Reconcile.ts"
import { decide, isTooLarge, mayBeOneRow, type RelayFailure, sizeOf } from "./RelayDecision.ts"
import { type RelayLease, RelayStore } from "./RelayStore.ts"
import { markTopology, settleHandlers } from "./Repartition.ts"
import { sayPublished } from "./sayPublished.ts"
import { signal } from "./Signals.ts"
import { inBatchSpan } from "./Trace.ts"

/** How long a leader may be without the broker before it gives its lease to somebody who may have it in reach. */
export const brokerAwayMax = Duration.seconds(5)

/** 300 ms, 1 s, 5 s, 0 to 10 ms, 1,000 rows (the broker's own limit), nothing kept. */
export const relayTimingDefault: RelayTiming = {
  standbyPoll: Duration.millis(300),
  renewEvery: Duration.seconds(1),
  idlePollMax: Duration.seconds(5),
  linger: { minMs: 0, maxMs: 10 },
  batchRowsMax: 1_000,
  keepFor: Duration.zero
}

/** Between two looks of an idle relay at the stream. */
const idleLookEvery = Duration.seconds(5)

/** Between two looks for rows that were kept long enough. */
const forgetEvery = Duration.seconds(1)

/** The same when nothing is kept any more: there may be rows from when it was. */
const forgetLeftoversEvery = Duration.minutes(1)

/** The doorbell that tells a relay of new rows. */
export const outboxDoorbell = (stream: string) => `${stream}.outbox`

/**
 * The relay: outbox to stream in fenced atomic batches, one leader at a time, one recovery path.
 *
 * Delivery semantics: every committed row is stored in the stream exactly once, a key's rows in commit order, as long
 * as the broker keeps what it acknowledged. The outbox is a consumer of the stream: what was published is deleted and
 * the position moved in one fenced statement, and every doubt is answered by reading the stream above that position.
 * A paused relay that wakes up can neither publish out of order (the fence) nor delete anything (the epoch).
 *
 * Source: notes/protocol.md, sections 1, 3 and 4.
 */
export const runRelay = Effect.fnUntraced(function* (declaration: LogDeclaration, owner: string, timing: RelayTiming) {
  const store = yield* RelayStore
  const stream = declaration.name
  const stand = store.acquire(stream, owner).pipe(Effect.orElseSucceed(() => undefined))
  const turn = Effect.gen(function* () {
    const lease = yield* stand
    if (lease === undefined) return yield* Effect.sleep(timing.standbyPoll)
    yield* signal({ _tag: "LeadershipTaken", stream, epoch: lease.epoch })
    const lost = yield* lead(declaration, lease, timing)
    yield* signal({ _tag: "LeadershipLost", stream, epoch: lease.epoch, why: lost.message })
    if (lost._tag !== "BrokerUnavailable") return
    yield* Effect.ignore(store.release(lease))
    yield* brokerInReach(stream, timing)
  })
  return yield* keepGoing("relay", turn)
})

/** Who had to give the lease up does not stand again before the broker answers. */
const brokerInReach = Effect.fnUntraced(function* (stream: string, timing: RelayTiming) {
  const log = yield* EventLog
  yield* log.info(stream).pipe(
    Effect.retry({
      while: (error) => error._tag === "BrokerUnavailable",
      schedule: Schedule.spaced(timing.renewEvery)
    }),
    Effect.ignore
  )
})

const lead = Effect.fnUntraced(function* (declaration: LogDeclaration, lease: RelayLease, timing: RelayTiming) {
  const store = yield* RelayStore
  const leader: Leader = {
    declaration,
    lease,
    timing,
    position: { lastSeq: 0, streamCreated: "" },
    lastSeq: 0,
    published: undefined,
    ahead: undefined,
    rowMaxBytes: 0,
    batchRows: timing.batchRowsMax,
    lastRows: 0,
    failuresInRow: 0,
    brokerAwaySince: undefined,
    lookedAt: 0n,
    forgotAt: 0n,
    wanted: undefined,
    unsettled: false,
    dirty: "start"
  }
  const doorbell = yield* makeDoorbell(outboxDoorbell(declaration.name), timing.idlePollMax)
  // Rings may be lost: what waits is told with the renewal, which is asked for anyway.
  const renewing = store.renew(lease).pipe(
    Effect.flatMap(({ unsettled, waiting, wanted }) => {
      Object.assign(leader, { unsettled, wanted })
      return waiting || wanted !== undefined ? doorbell.ring : Effect.void
    }),
    Effect.catchTag("StoreUnavailable", () => Effect.void),
    Effect.repeat(Schedule.spaced(timing.renewEvery))
  )
  const working = Effect.forever(step(leader, doorbell).pipe(Effect.catch((failure) => recover(leader, failure))))
  return yield* Effect.raceAllFirst([renewing, working, settleHandlers(leader)]).pipe(
    Effect.flip,
    Effect.onInterrupt(() => store.release(lease).pipe(Effect.ignore))
  )
}, Effect.scoped)

const step = Effect.fnUntraced(function* (leader: Leader, doorbell: Doorbell) {
  const store = yield* RelayStore
  if (leader.dirty !== undefined) {
    // What was published and not recorded, reconciling finds in the stream.
    leader.published = undefined
    leader.ahead = undefined
    yield* reconcile(leader, leader.dirty)
    leader.dirty = undefined
  }
  if (leader.wanted !== undefined) {
    yield* record(leader)
    leader.ahead = undefined
    return yield* markTopology(leader)
  }
  yield* doorbell.clear
  const rows = leader.ahead ?? (yield* store.read(leader.declaration.name, leader.batchRows, []))
  leader.ahead = undefined
  const large = rows.find((row) => sizeOf(row) > leader.rowMaxBytes)
  if (large !== undefined) return yield* hold(leader, large, `larger than the stream takes (${sizeOf(large)} bytes)`)
  if (rows.length === 0) {
    if (yield* looksOther(leader)) {
      leader.dirty = "the stream changed while nothing was published"
      return
    }
    yield* recovered(leader)
    yield* doorbell.wait
    return yield* rest(lingerAfter(leader.lastRows, leader.timing.linger))
  }
  yield* relay(leader, rows)
})

/** Who has nothing to publish would not notice that the broker came back with less than it had acknowledged. */
const looksOther = Effect.fnUntraced(function* (leader: Leader) {
  const now = yield* Clock.monotonicTimeNanos
  if (now - leader.lookedAt < Duration.toNanosUnsafe(idleLookEvery)) return false
  leader.lookedAt = now
  const info = yield* presentInfo(leader.declaration)
  if (info.lastSeq !== leader.lastSeq || info.created !== leader.position.streamCreated) return true
  yield* forgetOld(leader)
  return false
})

/**
 * Only when the broker has just been seen with all that it acknowledged: what it may have lost while nobody looked is not
 * forgotten before that is found out.
 */
const forgetOld = Effect.fnUntraced(function* (leader: Leader) {
  const store = yield* RelayStore
  const now = yield* Clock.monotonicTimeNanos
  const every = isKeeping(leader) ? forgetEvery : forgetLeftoversEvery
  if (now - leader.forgotAt < Duration.toNanosUnsafe(every)) return
  leader.forgotAt = now
  yield* Effect.ignore(store.forget(leader.lease, leader.timing.keepFor))
})

/**
 * Publishes a batch, and meanwhile records the one before and reads the next: broker and database take turns otherwise.
 * Whoever takes the lease over meanwhile finds up to two batches above the position instead of one, in the same way.
 */
const relay = Effect.fnUntraced(
  function* (leader: Leader, rows: ReadonlyArray<OutboxRow>) {
    const log = yield* EventLog
    const beganMs = yield* Clock.currentTimeMillis
    const publish = log.publish(leader.declaration, rows, leader.lastSeq)
    // Neither breaks the other off: what the store was asked has an answer before anything is decided.
    const [published, prepared] = yield* Effect.all([Effect.exit(publish), Effect.exit(prepare(leader, rows))], {
      concurrency: 2
    })
    yield* prepared
    const ack = yield* published
    if (ack.duplicate) return yield* settleDuplicate(leader, rows, ack.seq)
    const firstSeq = ack.seq - rows.length + 1
    leader.lastSeq = ack.seq
    yield* sayPublished(leader, rows.length, beganMs)
    leader.published = {
      to: { ...leader.position, lastSeq: ack.seq },
      refs: rows.map((row, i) => refOf(row, firstSeq + i))
    }
    if (leader.ahead === undefined || leader.ahead.length === 0) yield* record(leader)
    yield* recovered(leader)
    yield* forgetOld(leader)
    leader.lastRows = rows.length
    leader.batchRows = Math.min(leader.timing.batchRowsMax, leader.batchRows * 2)
  },
  (effect, _leader, rows) => inBatchSpan(effect, "Relay.batch", "producer", rows)
)

/** What can be done while rows are published. After a full batch there are more: a snapshot that has one has all before it. */
const prepare = Effect.fnUntraced(function* (leader: Leader, rows: ReadonlyArray<OutboxRow>) {
  yield* record(leader)
  if (rows.length < leader.batchRows) return
  const store = yield* RelayStore
  const underWay = rows.map(({ id }) => id)
  leader.ahead = yield* store.read(leader.declaration.name, leader.batchRows, underWay)
})

/** Takes what the stream has out of the outbox. */
const record = Effect.fnUntraced(function* (leader: Leader) {
  const { published } = leader
  if (published === undefined) return
  const store = yield* RelayStore
  yield* store.acknowledge(leader.lease, leader.position, published.to, published.refs, isKeeping(leader))
  leader.position = published.to
  leader.published = undefined
})

/** A row alone was in the stream before: it was published, and its deletion was lost; or its id was given out twice. */
const settleDuplicate = Effect.fnUntraced(function* (leader: Leader, rows: ReadonlyArray<OutboxRow>, seq: number) {
  const log = yield* EventLog
  const store = yield* RelayStore
  const [row] = rows
  if (row === undefined) return
  const [stored] = yield* log.refs(leader.declaration.name, seq - 1, seq)
  if (stored?.key === row.key && stored.version === row.version) {
    yield* store.acknowledge(leader.lease, leader.position, leader.position, [refOf(row, seq)], isKeeping(leader))
    return
  }
  // The broker knows the id and has lost the message; it forgets the id after its duplicate window.
  if (stored === undefined)
    return yield* new BrokerRefused({ operation: "publish", code: duplicateOfNothing, detail: row.eventId })
  yield* hold(leader, row, `its event id ${row.eventId} is in the stream at ${seq} for another event`)
})

/** After a failure: step down, or pause as the failure asks and reconcile next. */
const recover = Effect.fnUntraced(function* (leader: Leader, failure: RelayFailure) {
  const what = decide(failure)
  if (what === "step down" || (yield* isCutOff(leader, failure))) return yield* failure
  leader.failuresInRow += 1
  leader.dirty = failure instanceof BrokerRefused ? String(failure.code) : failure._tag
  const stream = leader.declaration.name
  if (leader.failuresInRow === 1 && what !== "reconcile") {
    yield* signal({ _tag: "RelayFailed", stream, what, detail: failure.message })
  }
  yield* narrow(leader, failure)
  // A refusal asks for a look, not for patience; but one that keeps coming must not become a busy loop.
  if (what === "wait" || leader.failuresInRow > patienceFailures) yield* Effect.sleep(pause(leader.failuresInRow))
  if (what === "halt") yield* Effect.sleep("1 second")
})

/** A lease proves contact with the store only. Without the broker it is of no use to its owner, and perhaps of use to another. */
const isCutOff = Effect.fnUntraced(function* (leader: Leader, failure: RelayFailure) {
  const now = yield* Clock.monotonicTimeNanos
  leader.brokerAwaySince = failure._tag === "BrokerUnavailable" ? (leader.brokerAwaySince ?? now) : undefined
  return leader.brokerAwaySince !== undefined && now - leader.brokerAwaySince > Duration.toNanosUnsafe(brokerAwayMax)
})

/** No code of the broker's: asks for a pause, and another try. */
const duplicateOfNothing = 0

const patienceFailures = 4

/** Halves the batch until the refused row stands alone, and then holds its key back. */
const narrow = Effect.fnUntraced(function* (leader: Leader, failure: RelayFailure) {
  if (isTooLarge(failure) && leader.batchRows === 1) {
    const store = yield* RelayStore
    const [row] = yield* store.read(leader.declaration.name, 1, []).pipe(Effect.orElseSucceed(() => []))
    if (row !== undefined) yield* hold(leader, row, "refused by the stream: too large").pipe(Effect.ignore)
    return
  }
  if (isTooLarge(failure) || (mayBeOneRow(failure) && leader.failuresInRow >= 2)) {
    leader.batchRows = Math.max(1, leader.batchRows >> 1)
  }
})

const hold = Effect.fnUntraced(function* (leader: Leader, row: OutboxRow, reason: string) {
  const store = yield* RelayStore
  const stream = leader.declaration.name
  yield* store.hold(stream, row, reason)
  yield* signal({ _tag: "KeyHeld", stream, key: row.key, reason })
})

const recovered = (leader: Leader) => {
  const failed = leader.failuresInRow > 0
  leader.failuresInRow = 0
  leader.brokerAwaySince = undefined
  return failed ? signal({ _tag: "RelayRecovered", stream: leader.declaration.name }) : Effect.void
}

const pause = (failures: number) => Duration.millis(Math.min(1_000, 50 * 2 ** Math.min(failures, 5)))

const refOf = (row: OutboxRow, seq: number) => ({ outboxId: row.id, eventId: row.eventId, seq })
