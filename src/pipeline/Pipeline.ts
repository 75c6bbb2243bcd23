import { Context, Effect, Layer, Schedule } from "effect"
import { SecureRandom } from "effect/crypto"
import { type ConsumerOptions, consumerOptionsDefault } from "./ConsumerOptions.ts"
import { runConsumers } from "./Consumers.ts"
import type { CrashLog } from "./CrashLog.ts"
import type { EffectLedger } from "./EffectLedger.ts"
import type { EventLedger } from "./EventLedger.ts"
import { EventLog, type LogDeclaration } from "./EventLog.ts"
import type { EventSchemas, EventStream } from "./EventStream.ts"
import { fixDelivery } from "./fixDelivery.ts"
import type { Handler } from "./Handler.ts"
import type { Inbox } from "./Inbox.ts"
import { ledgered } from "./ledgered.ts"
import { type Instance, Ownership } from "./Ownership.ts"
import type { ParkingLot } from "./ParkingLot.ts"
import { type BrokerRefused, type BrokerUnavailable, type StoreUnavailable, StreamMismatch } from "./PipelineError.ts"
import type { RelayTiming } from "./Leader.ts"
import { relayTimingDefault, runRelay } from "./Relay.ts"
import { RelayStore } from "./RelayStore.ts"
import { signal } from "./Signals.ts"

/**
 * How a pipeline is run in this process. What is left out is as the defaults say.
 */
export interface PipelineOptions {
  /**
   * Of a stream that begins; `partitionsDefault` unless it says otherwise. One that is there keeps what it has, until
   * somebody changes it (`repartition`).
   */
  readonly partitions?: number
  /** How this process is shown to people; its id is a new one unless it says otherwise. */
  readonly instance?: Partial<Instance>
  /** What differs from the defaults: heartbeat 1 s, 1 transaction at a time, 20 s to drain, 30 s ack wait, 100,000 events put aside, 10,000 of a key. */
  readonly consumers?: Partial<ConsumerOptions>
  /** False: this instance never leads the relay. Somebody has to. */
  readonly relays?: boolean
  /** What differs from the defaults: batches of 1,000 rows at most, nothing kept that was published. */
  readonly relay?: Partial<RelayTiming>
}

/**
 * Partitions of a stream unless it says otherwise: how many instances can share an ordered handler's work, at most.
 */
export const partitionsDefault = 16

/**
 * A running pipeline: relay (or its standby) and this instance's share of the handlers.
 *
 * Delivery semantics: every committed event reaches every handler, per key in commit order; see `Handler` for how often
 * an effect happens. Closing the layer's scope drains: what is in hand is finished, committed and released.
 */
export class Pipeline extends Context.Service<
  Pipeline,
  {
    readonly stream: string
    /** As this instance found them, or made them; their number may be changed while it runs. */
    readonly partitions: number
    readonly instance: Instance
    /** Partitions this instance works on now, over all handlers. */
    readonly ownedPartitions: () => number
  }
>()("millrace/pipeline/Pipeline") {}

/** The services that a handler, or any of several, needs to run: the union of their `R`. */
export type HandlerServices<H> = H extends Handler<unknown, infer R> ? R : never

/**
 * Runs the relay (or its standby) and this instance's share of the handlers, in the background, for as long as the layer's scope is
 * open. The handlers' needs are taken from the layer's context once, when it is built. Without handlers it only shows itself.
 *
 * Fails when the stream is not as declared (`StreamMismatch`: another database's events, say) or a server refuses;
 * a broker that is still starting is waited for, a minute long. A name that cannot be one, or is there twice, is a defect.
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Pipeline, Transactor } from "millrace"
 * import * as MemoryPipeline from "millrace/memory"
 * import { Accounts, deposit, handlers } from "./accounts.ts"
 *
 * const live = Pipeline.layer(Accounts, handlers, { partitions: 4 }).pipe(Layer.provideMerge(MemoryPipeline.layer))
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* Transactor
 *   yield* run(deposit("ada", 500))
 *   yield* Effect.sleep("100 millis")
 * })
 * await Effect.runPromise(Effect.provide(program, live))
 * ```
 */
export const layer = <Events extends EventSchemas, H extends Handler<unknown, unknown>>(
  stream: EventStream<Events>,
  handlers: ReadonlyArray<H>,
  options: PipelineOptions = {}
): Layer.Layer<
  Pipeline,
  StreamMismatch | BrokerRefused | BrokerUnavailable | StoreUnavailable,
  EventLog | RelayStore | Ownership | Inbox | ParkingLot | CrashLog | EffectLedger | EventLedger | HandlerServices<H>
> =>
  Layer.effect(
    Pipeline,
    Effect.gen(function* () {
      const log = yield* EventLog
      const services = yield* Effect.context<HandlerServices<H>>()
      const { partitions = partitionsDefault } = options
      const instance = yield* instanceOf(options.instance)
      const declaration: LogDeclaration = { name: stream.name, subject: stream.subject, partitions }
      // A broker that is still starting is waited for; a stream that does not fit is not.
      yield* checkNames(
        [stream.name, stream.subject, ...stream.types],
        handlers.map((handler) => handler.name)
      )
      yield* log
        .declare(declaration)
        .pipe(Effect.retry({ while: (error) => error._tag === "BrokerUnavailable", schedule: declareSchedule }))
      yield* checkOrigin(stream.name)
      const topology = yield* fixPartitions(
        declaration,
        handlers.map((handler) => handler.name)
      )
      const found = { ...declaration, ...topology }
      yield* fixDelivery(stream.name, handlers)
      // Each H is a Handler of its own services; their union is what `services` holds.
      const provided = (handlers as ReadonlyArray<Handler<unknown, HandlerServices<H>>>).map((handler) =>
        provide(handler, services)
      )
      const ready = yield* Effect.forEach(provided, (handler) => ledgered(stream.name, handler))
      if (options.relays !== false)
        yield* runRelay(found, instance.id, { ...relayTimingDefault, ...options.relay }).pipe(Effect.forkScoped)
      const consumers = yield* runConsumers(found, ready, instance, { ...consumerOptionsDefault, ...options.consumers })
      return {
        stream: stream.name,
        partitions: topology.partitions,
        instance,
        ownedPartitions: consumers.ownedPartitions
      }
    })
  )

const instanceOf = (given: Partial<Instance> | undefined) =>
  Effect.sync((): Instance => ({
    id: SecureRandom.uuidV7Unsafe(),
    host: "unknown",
    version: "unknown",
    roles: [],
    ...given
  }))

/** Names become subjects, consumer names and keys of rows; one that cannot is a mistake in the program. */
const checkNames = (tokens: ReadonlyArray<string>, handlers: ReadonlyArray<string>) => {
  const wrong = [...tokens, ...handlers].find((name) => !/^[A-Za-z0-9_-]{1,64}$/.test(name))
  const twice = handlers.find((name, i) => handlers.indexOf(name) !== i)
  if (wrong !== undefined) return Effect.die(new Error(`${JSON.stringify(wrong)} ${badName}`))
  return twice === undefined
    ? Effect.void
    : Effect.die(new Error(`two handlers are called ${twice}: each needs a name of its own`))
}

const badName = "cannot name a stream, an event type or a handler: use 1 to 64 letters, digits, - and _"

/**
 * A stream with events that this database has never heard of belongs to another database. Its versions would make ours
 * look like duplicates, so nothing may start.
 */
const checkOrigin = Effect.fnUntraced(function* (stream: string) {
  const info = yield* (yield* EventLog).info(stream)
  const position = yield* (yield* RelayStore).position(stream)
  if (position.streamCreated !== "" || info.lastSeq === 0) return
  const difference = `it holds ${info.lastSeq} events that were not published from this database; use the database they came from, or delete the stream`
  return yield* new StreamMismatch({ stream, differences: [difference] })
})

/** All publish to, and read from, the partitions the stream has, whatever they were started with. */
const fixPartitions = Effect.fnUntraced(function* (declaration: LogDeclaration, handlers: ReadonlyArray<string>) {
  const ownership = yield* Ownership
  const { name: stream, partitions } = declaration
  const { topology } = yield* ownership.declare(stream, handlers, partitions)
  if (topology.partitions !== partitions)
    yield* signal({ _tag: "PartitionsDiffer", stream, has: topology.partitions, asked: partitions })
  return topology
})

const declareSchedule = Schedule.spaced("500 millis").pipe(Schedule.upTo({ duration: "1 minute" }))

const provide = <E, R>({ confirm, ...handler }: Handler<E, R>, services: Context.Context<R>): Handler<E> => ({
  ...handler,
  confirm: confirm && ((delivery) => Effect.provideContext(confirm(delivery), services)),
  run: (deliveries) => Effect.provideContext(handler.run(deliveries), services)
})
