import { Effect, Schedule, type Scope, Stream } from "effect"
import type { StoredEvent } from "./Envelope.ts"
import { EventLog, type LogDeclaration } from "./EventLog.ts"
import type { EventOf, EventSchemas, EventStream } from "./EventStream.ts"
import type { Delivery } from "./Handler.ts"
import { fixDelivery } from "./fixDelivery.ts"
import { Inbox, type ProgressMove } from "./Inbox.ts"
import { type Claim, type Instance, Ownership } from "./Ownership.ts"
import {
  type BrokerRefused,
  type BrokerUnavailable,
  type DeliveryInterrupted,
  LeaseLost,
  OrderViolated,
  type StoreUnavailable,
  StreamMismatch,
  type Unreadable
} from "./PipelineError.ts"
import { verdict } from "./Sequence.ts"

/** An event of a partition, and how to say that it is done. */
export interface StreamDelivery<out Event> extends Delivery<Event> {
  /** Records this event and all before it. What is not committed comes again, from the first uncommitted one on. */
  readonly commit: Effect.Effect<void, LeaseLost | StoreUnavailable>
}

/**
 * Whose progress it is, and of how many partitions this is one: of those that this consumer reads, which after a change of
 * their number are those of before until it has committed all of them.
 */
export interface PartitionOptions {
  readonly consumer: string
  readonly partitions: number
  readonly instance: Instance
}

/**
 * Why a partition's stream ends: another instance has it (`LeaseLost`), an event cannot be read, an order was violated, or a server
 * is away. Run it again to go on behind the last commit.
 */
export type PartitionFailure =
  | BrokerRefused
  | BrokerUnavailable
  | DeliveryInterrupted
  | LeaseLost
  | OrderViolated
  | StoreUnavailable
  | StreamMismatch
  | Unreadable

/**
 * One partition as a Stream, for those who compose it themselves; handlers do all of this, and retries and parking, by
 * themselves.
 *
 * Delivery semantics: waits until the partition is free, owns it under an epoch while the stream runs, and gives it back.
 * Events come in commit order per key, at least once: those after the last commit come again when the stream is run
 * again. An instance that lost the partition meanwhile cannot commit.
 *
 * ```ts
 * import { Console, Effect, Stream } from "effect"
 * import { PartitionStream } from "millrace"
 * import { Accounts } from "./accounts.ts"
 *
 * const instance = { id: "copier-1", host: "here", version: "1", roles: [] }
 *
 * const copy = PartitionStream.partition(Accounts, 3, { consumer: "copy", partitions: 16, instance }).pipe(
 *   Stream.runForEach(({ commit, event }) => Effect.andThen(Console.log(event), commit))
 * )
 * ```
 */
export const partition = <Events extends EventSchemas>(
  stream: EventStream<Events>,
  index: number,
  options: PartitionOptions
): Stream.Stream<StreamDelivery<EventOf<Events>>, PartitionFailure, EventLog | Inbox | Ownership> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const log = yield* EventLog
      const ownership = yield* Ownership
      const claim = yield* Effect.flatMap(own(stream, index, options), ownership.open)
      const declaration: LogDeclaration = { name: stream.name, subject: stream.subject, partitions: options.partitions }
      const from = {
        handler: options.consumer,
        partition: claim.partition,
        epoch: claim.epoch,
        generation: 1,
        afterSeq: claim.cursor
      }
      const subscription = yield* log.open(declaration, from)
      const { acknowledge } = subscription
      const position: Position = { claim, acknowledge, cursor: claim.cursor, versions: new Map(), pending: new Map() }
      return subscription.events.pipe(
        Stream.mapEffect((stored) => deliver(stream, position, stored)),
        Stream.flattenIterable,
        Stream.merge(Stream.fromEffectDrain(renew(claim)), { haltStrategy: "either" })
      )
    })
  )

/** What was read, and what is not recorded yet. */
interface Position {
  readonly claim: Claim
  /** Lets the broker go on: it delivers no more than a window ahead of it. */
  readonly acknowledge: (seq: number) => Effect.Effect<void>
  cursor: number
  readonly versions: Map<string, number>
  readonly pending: Map<string, ProgressMove>
}

const own = Effect.fnUntraced(function* <Events extends EventSchemas>(
  stream: EventStream<Events>,
  index: number,
  { consumer, instance, partitions }: PartitionOptions
): Effect.fn.Return<Claim, StoreUnavailable | StreamMismatch, Ownership | Scope.Scope> {
  const ownership = yield* Ownership
  yield* placeOf(stream, index, { consumer, partitions })
  yield* fixDelivery(stream.name, [{ name: consumer, delivery: "ordered" }])
  const askFor = (place: number) =>
    Effect.repeat(ownership.claim(stream.name, instance.id, [{ handler: consumer, partition: place }]), {
      until: (got) => got.length > 0,
      schedule: Schedule.spaced("300 millis").pipe(Schedule.upTo({ duration: placeLookEvery }))
    })
  // Whoever waits for long may wait for a partition that nobody gets any more.
  const ask = Effect.flatMap(placeOf(stream, index, { consumer, partitions }), askFor)
  const claims = yield* Effect.acquireRelease(
    Effect.repeat(ask, { until: (got) => got.length > 0 }),
    (got) => Effect.ignore(ownership.release(got)),
    { interruptible: true }
  )
  const [claim] = claims
  return claim ?? (yield* Effect.die(new Error("a claim was taken and is not there")))
})

/** Between two looks, while it waits, whether what it waits for is still read. */
const placeLookEvery = "10 seconds"

/** Which partition it is by now. */
const placeOf = Effect.fnUntraced(function* <Events extends EventSchemas>(
  stream: EventStream<Events>,
  index: number,
  { consumer, partitions }: Pick<PartitionOptions, "consumer" | "partitions">
) {
  const ownership = yield* Ownership
  const declared = yield* ownership.declare(stream.name, [consumer], partitions)
  const known = declared.handlers.get(consumer) ?? declared.topology
  if (known.partitions === partitions && index < known.partitions) return known.first + index
  const difference = `${consumer} reads ${known.partitions} partitions of it; partition ${index} of ${partitions} was asked for`
  return yield* new StreamMismatch({ stream: stream.name, differences: [difference] })
})

/** Ends with `LeaseLost` once somebody else has the partition, or nothing more will come; a store that is away is waited for. */
const renew = Effect.fnUntraced(function* (claim: Claim) {
  const ownership = yield* Ownership
  const beat = ownership.renew([claim]).pipe(
    Effect.map(([renewed]) => renewed !== undefined && renewed.ended !== true),
    Effect.orElseSucceed(() => true)
  )
  yield* Effect.repeat(beat, { while: (mine) => mine, schedule: Schedule.spaced("1 second") })
  return yield* new LeaseLost({ lease: `${claim.handler}/${claim.partition}`, epoch: claim.epoch })
})

/** The event, or nothing when it was recorded before. */
const deliver = Effect.fnUntraced(function* <Events extends EventSchemas>(
  stream: EventStream<Events>,
  position: Position,
  stored: StoredEvent
) {
  const inbox = yield* Inbox
  const { claim, pending, versions } = position
  const [known] = versions.has(stored.key) ? [] : yield* inbox.progress(claim.stream, claim.handler, [stored.key])
  const before = versions.get(stored.key) ?? known?.version ?? 0
  const place = verdict(before, stored.version)
  if (place === "duplicate") {
    if (pending.size === 0) yield* position.acknowledge(stored.seq)
    return []
  }
  if (place === "gap")
    return yield* new OrderViolated({ key: stored.key, handledVersion: before, version: stored.version })
  versions.set(stored.key, stored.version)
  const from = pending.get(stored.key)?.from ?? before
  pending.set(stored.key, { key: stored.key, from, to: stored.version, parked: false })
  const event = yield* Effect.fromResult(stream.decode(stored.type, stored.payload))
  const moves = [...pending.values()]
  const delivery: StreamDelivery<EventOf<Events>> = {
    event,
    eventId: stored.eventId,
    type: stored.type,
    key: stored.key,
    version: stored.version,
    attempt: 1,
    idempotencyKey: `${claim.handler}:${stored.eventId}:0`,
    traceparent: stored.traceparent,
    commit: Effect.provideService(commit(position, moves, stored.seq), Inbox, inbox)
  }
  return [delivery]
})

const commit = Effect.fnUntraced(function* (position: Position, moves: ReadonlyArray<ProgressMove>, seq: number) {
  const inbox = yield* Inbox
  const { claim, cursor, pending } = position
  if (seq <= cursor) return
  const open = moves.flatMap((move) => {
    const now = pending.get(move.key)
    return now === undefined ? [] : [{ ...move, from: now.from }]
  })
  yield* inbox.commitOne({ claim, cursorFrom: cursor, cursorTo: seq, moves: open, parked: [], violations: [] })
  position.cursor = seq
  yield* position.acknowledge(seq)
  for (const move of open) settle(pending, move)
})

const settle = (pending: Map<string, ProgressMove>, done: ProgressMove) => {
  const later = pending.get(done.key)
  if (later === undefined || later.to === done.to) pending.delete(done.key)
  else pending.set(done.key, { ...later, from: done.to })
}
