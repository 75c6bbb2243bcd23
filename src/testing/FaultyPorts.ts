import { Context, Effect, Latch } from "effect"
import { CrashLog } from "../pipeline/CrashLog.ts"
import { EffectLedger } from "../pipeline/EffectLedger.ts"
import { EventLedger } from "../pipeline/EventLedger.ts"
import { EventLog, type SharedSubscription } from "../pipeline/EventLog.ts"
import { Inbox } from "../pipeline/Inbox.ts"
import { Ownership } from "../pipeline/Ownership.ts"
import { ParkingLot } from "../pipeline/ParkingLot.ts"
import { BrokerUnavailable, StoreUnavailable } from "../pipeline/PipelineError.ts"
import { RelayStore } from "../pipeline/RelayStore.ts"
import type { Random } from "./Random.ts"

/** What an instance's fate is at the moment. */
export interface Fate {
  /** Killed, or cut off from everything: nothing it asks for happens. */
  down: boolean
  /** Closed while it is frozen: what it asks for happens when it wakes up, however late. */
  readonly awake: Latch.Latch
  /** Share of requests that fail before they took effect, and again as many that fail after. */
  failureShare: number
  /** Share of requests that take time before they take effect, and of answers that do. */
  delayShare: number
  readonly delayMaxMs: number
}

/** Everything an instance asks of the outside. */
export type Ports = CrashLog | EffectLedger | EventLedger | EventLog | Inbox | Ownership | ParkingLot | RelayStore

/** The ports as one instance sees them: an operation waits while it is frozen, and fails or loses its answer at random. */
export const faultyPorts = (ports: Context.Context<Ports>, fate: Fate, random: Random): Context.Context<Ports> => {
  const delay = Effect.suspend(() =>
    random.chance(fate.delayShare) ? Effect.sleep(random.between(1, fate.delayMaxMs)) : Effect.void
  )
  const faulty = <A, E, R, F>(operation: Effect.Effect<A, E, R>, unavailable: () => F): Effect.Effect<A, E | F, R> =>
    Effect.gen(function* () {
      if (random.chance(fate.failureShare)) return yield* Effect.fail(unavailable())
      yield* delay
      yield* fate.awake.await
      if (fate.down) return yield* Effect.fail(unavailable())
      const answer = yield* operation
      yield* delay
      if (random.chance(fate.failureShare)) return yield* Effect.fail(unavailable())
      return answer
    })
  const store = <A, E, R>(operation: Effect.Effect<A, E, R>) => faulty(operation, storeUnavailable)
  const broker = <A, E, R>(operation: Effect.Effect<A, E, R>) => faulty(operation, brokerUnavailable)
  const relayStore = Context.get(ports, RelayStore)
  const ownership = Context.get(ports, Ownership)
  const inbox = Context.get(ports, Inbox)
  const ledger = Context.get(ports, EffectLedger)
  const crashes = Context.get(ports, CrashLog)
  const handled = Context.get(ports, EventLedger)
  const lot = Context.get(ports, ParkingLot)
  const log = Context.get(ports, EventLog)
  return Context.make(RelayStore, faultyRelayStore(relayStore, store)).pipe(
    Context.add(Ownership, {
      ...ownership,
      declare: (stream, handlers, partitions) => store(ownership.declare(stream, handlers, partitions)),
      fixDelivery: (stream, handlers) => store(ownership.fixDelivery(stream, handlers)),
      beat: (...asked) => store(ownership.beat(...asked)),
      renew: (claims) => store(ownership.renew(claims)),
      claim: (stream, owner, wanted) => store(ownership.claim(stream, owner, wanted)),
      open: (claim) => store(ownership.open(claim)),
      release: (claims) => store(ownership.release(claims)),
      leave: (stream, instance) => store(ownership.leave(stream, instance))
    }),
    Context.add(Inbox, {
      ...inbox,
      progress: (stream, handler, keys) => store(inbox.progress(stream, handler, keys)),
      commit: (commits, effects) => store(inbox.commit(commits, effects)),
      commitOne: (one) => store(inbox.commitOne(one)),
      commitGroup: (commits) => store(inbox.commitGroup(commits))
    }),
    Context.add(EffectLedger, {
      intend: (stream, handler, keys) => store(ledger.intend(stream, handler, keys)),
      confirm: (stream, handler, keys) => store(ledger.confirm(stream, handler, keys)),
      forget: (stream, handler, olderThan) => store(ledger.forget(stream, handler, olderThan))
    }),
    Context.add(CrashLog, faultyCrashLog(crashes, store)),
    Context.add(ParkingLot, faultyParkingLot(lot, store)),
    Context.add(
      EventLog,
      faultyEventLog(log, broker, (rows) =>
        random.chance(fate.failureShare) ? rows.slice(0, random.between(1, rows.length)) : rows
      )
    ),
    Context.add(EventLedger, faultyEventLedger(handled, store))
  )
}

type Faulty = <A, E, R>(operation: Effect.Effect<A, E, R>) => Effect.Effect<A, E | StoreUnavailable, R>

type FaultyBroker = <A, E, R>(operation: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BrokerUnavailable, R>

/** What the broker stores of some rows: all of them, or a beginning. */
type Beginning = <Row>(rows: ReadonlyArray<Row>) => ReadonlyArray<Row>

const faultyEventLog = (
  log: EventLog["Service"],
  broker: FaultyBroker,
  beginningOf: Beginning
): EventLog["Service"] => {
  // Fire and forget: whether it gets there is not known.
  const told = (operation: Effect.Effect<void>) => Effect.ignore(broker(operation))
  return {
    ...log,
    declare: (declaration) => broker(log.declare(declaration)),
    info: (name) => broker(log.info(name)),
    publish: (declaration, rows, expectedLastSeq) =>
      Effect.suspend(() => {
        const stored = beginningOf(rows)
        const publish = broker(log.publish(declaration, stored, expectedLastSeq))
        return stored.length === rows.length ? publish : Effect.andThen(publish, Effect.fail(brokerUnavailable()))
      }),
    mark: (declaration, topologies, expectedLastSeq) => broker(log.mark(declaration, topologies, expectedLastSeq)),
    marked: (declaration) => broker(log.marked(declaration)),
    ends: (declaration, topology) => broker(log.ends(declaration, topology)),
    refs: (name, afterSeq, toSeq) => broker(log.refs(name, afterSeq, toSeq)),
    open: (declaration, from) => broker(log.open(declaration, from)),
    share: (declaration, from) =>
      Effect.map(broker(log.share(declaration, from)), (shared): SharedSubscription => ({
        ...shared,
        acknowledge: (deliveries) => told(shared.acknowledge(deliveries)),
        giveBack: (deliveries) => told(shared.giveBack(deliveries)),
        inProgress: told(shared.inProgress),
        position: broker(shared.position),
        forget: broker(shared.forget)
      }))
  }
}

const faultyEventLedger = (ledger: EventLedger["Service"], store: Faulty): EventLedger["Service"] => ({
  start: (stream, handler) => store(ledger.start(stream, handler)),
  isDone: (stream, handler, events) => store(ledger.isDone(stream, handler, events)),
  commit: (handler, plan, effects) => store(ledger.commit(handler, plan, effects)),
  record: (commit) => store(ledger.record(commit)),
  doubt: (stream, handler, events) => store(ledger.doubt(stream, handler, events)),
  advance: (to) => store(ledger.advance(to))
})

const faultyRelayStore = (relayStore: RelayStore["Service"], store: Faulty): RelayStore["Service"] => ({
  ...relayStore,
  position: (stream) => store(relayStore.position(stream)),
  leader: (stream) => store(relayStore.leader(stream)),
  acquire: (stream, owner) => store(relayStore.acquire(stream, owner)),
  renew: (lease) => store(relayStore.renew(lease)),
  read: (stream, limit, underWay) => store(relayStore.read(stream, limit, underWay)),
  acknowledge: (lease, from, to, rows, keep) => store(relayStore.acknowledge(lease, from, to, rows, keep)),
  adopt: (lease, ended, next) => store(relayStore.adopt(lease, ended, next)),
  settle: (lease, firstSeq) => store(relayStore.settle(lease, firstSeq)),
  furthestCursor: (stream) => store(relayStore.furthestCursor(stream)),
  forget: (lease, olderThan) => store(relayStore.forget(lease, olderThan)),
  rewind: (lease, from, to) => store(relayStore.rewind(lease, from, to)),
  hold: (stream, row, reason) => store(relayStore.hold(stream, row, reason)),
  release: (lease) => store(relayStore.release(lease))
})

const storeUnavailable = () =>
  new StoreUnavailable({ operation: "simulation", detail: "made to fail", cause: new Error("made to fail") })

const brokerUnavailable = () => new BrokerUnavailable({ operation: "simulation", detail: "made to fail" })

const faultyCrashLog = (crashes: CrashLog["Service"], store: Faulty): CrashLog["Service"] => ({
  read: (claim) => store(crashes.read(claim)),
  note: (claim, events) => store(crashes.note(claim, events)),
  heard: (claim, events) => store(crashes.heard(claim, events)),
  clear: (claim) => store(crashes.clear(claim))
})

const faultyParkingLot = (lot: ParkingLot["Service"], store: Faulty): ParkingLot["Service"] => ({
  due: (stream, places, keysMax) => store(lot.due(stream, places, keysMax)),
  count: (stream) => store(lot.count(stream)),
  next: (claim, key, eventsMax) => store(lot.next(claim, key, eventsMax)),
  begin: (claim, of) => store(lot.begin(claim, of)),
  withdraw: (claim, of) => store(lot.withdraw(claim, of)),
  settle: (claim, done, effects) => store(lot.settle(claim, done, effects)),
  failed: (claim, of, failure) => store(lot.failed(claim, of, failure))
})
