import { Clock, Context, Effect, Exit, Layer, Predicate, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryPipeline from "../infra/memory/MemoryPipeline.ts"
import { MemoryState } from "../infra/memory/MemoryState.ts"
import { asideDoorbell } from "../pipeline/AsideWatch.ts"
import { EventLog } from "../pipeline/EventLog.ts"
import type { EventOf, EventSchemas, EventStream } from "../pipeline/EventStream.ts"
import type { Handler } from "../pipeline/Handler.ts"
import type { Appended } from "../pipeline/Outbox.ts"
import { Outbox } from "../pipeline/Outbox.ts"
import type { ParkedKey } from "../pipeline/Parked.ts"
import { atOnce, ParkingDesk } from "../pipeline/ParkingDesk.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import type { InvalidEvent, StoreUnavailable, VersionConflict } from "../pipeline/PipelineError.ts"
import { type Signal, SignalSink } from "../pipeline/Signals.ts"
import { Transactor } from "../pipeline/Transactor.ts"
import { makeSpies, type Spied } from "./Spies.ts"
import { isSettled } from "./Verdict.ts"

/** Something was still under way after as long as was to be waited. */
export class NotSettled extends Schema.TaggedError<NotSettled>()("NotSettled", {
  waitedMs: Schema.Finite,
  detail: Schema.String
}) {
  override get message() {
    return `the pipeline did not come to rest within ${this.waitedMs} ms: ${this.detail}`
  }
}

/** How a pipeline for tests is made: how many partitions, and how patient it is. */
export interface TestPipelineOptions {
  /** 4 unless said otherwise. */
  readonly partitions?: number
  /** How long `settled` waits, by the clock the test runs on; 60 seconds unless said otherwise. */
  readonly patienceMs?: number
}

/** A running pipeline in memory, what a test does to it, and what it asks it. */
export interface TestPipeline<Events extends EventSchemas> {
  /** Appends in a transaction of its own. */
  readonly append: (
    ...events: ReadonlyArray<EventOf<Events>>
  ) => Effect.Effect<ReadonlyArray<Appended>, InvalidEvent | VersionConflict>
  /** Runs in one transaction of the pipeline's store: your own writing code, with `stream.append` in it. */
  readonly transaction: <A, E, R>(
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | StoreUnavailable, Exclude<R, Outbox | Transactor>>
  /**
   * Until every event was handled by every handler, or is parked. Under `TestClock` it moves the clock along, so that
   * retries and pauses take no time.
   */
  readonly settled: Effect.Effect<void, NotSettled>
  /** Keys that were given up. */
  readonly parked: Effect.Effect<ReadonlyArray<ParkedKey>>
  /** Has a parked key tried again, in order. */
  readonly replay: (handler: string, key: string) => Effect.Effect<void>
  /** What a handler was given, attempt by attempt, in the order the attempts ended. */
  readonly deliveries: (handler: string) => ReadonlyArray<Spied<EventOf<Events>>>
  /** What the pipeline said of itself: retries, parked keys, order violations … */
  readonly signals: ReadonlyArray<Signal>
}

/**
 * Starts a pipeline of one instance in memory, for tests of handlers with everything that is around them: order, retries,
 * parking. It stops with the scope.
 *
 * Delivery semantics: those of the real one; the memory adapters keep the same laws as Postgres and NATS.
 *
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect } from "effect"
 * import { TestPipeline } from "millrace/testing"
 * import { Accounts, handlers } from "./accounts.ts"
 *
 * const test = Effect.gen(function* () {
 *   const pipeline = yield* TestPipeline.make(Accounts, handlers)
 *   yield* pipeline.append({ _tag: "Deposited", account: "ada", cents: 500 })
 *   yield* pipeline.settled
 *   assert.deepEqual(pipeline.deliveries("letter").map(({ outcome }) => outcome._tag), ["Handled"])
 * })
 * await Effect.runPromise(Effect.scoped(test))
 * ```
 */
export const make = Effect.fnUntraced(function* <Events extends EventSchemas, R = never>(
  stream: EventStream<Events>,
  handlers: ReadonlyArray<Handler<unknown, R>>,
  options: TestPipelineOptions = {}
) {
  const { partitions = 4, patienceMs = 60_000 } = options
  const own = yield* Effect.context<Exclude<R, Outbox | Transactor>>()
  const ports = yield* Layer.build(MemoryPipeline.layer)
  const spies = makeSpies<EventOf<Events>>()
  const signals: Array<Signal> = []
  const spied = handlers.map((handler) => spies.on(handler))
  const instance = { id: "test", host: "test", version: "", roles: [] }
  const scope = yield* Effect.acquireRelease(Scope.make(), closeInTime)
  yield* Layer.buildWithScope(
    Pipeline.layer(stream, spied, { partitions, instance }).pipe(
      Layer.provide(Layer.succeedContext(Context.merge(own, ports)))
    ),
    scope
  ).pipe(Effect.provideService(SignalSink, (signal) => Effect.sync(() => void signals.push(signal))))
  const { run } = Context.get(ports, Transactor)
  const desk = Context.get(ports, ParkingDesk)
  const log = Context.get(ports, EventLog)
  const tables = Context.get(ports, MemoryState).of(stream.name)
  const writing = Context.pick(Outbox, Transactor)(ports)
  const transaction = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provideContext(run(effect), writing)
  const isDone = Effect.map(Effect.orDie(log.info(stream.name)), ({ lastSeq }) => isSettled(tables, lastSeq, handlers))
  const detail = () =>
    [...tables.parkedKeys.values()].map(
      ({ handler, key, reason, status }) => `${handler} ${key} ${status} ${reason.tag}`
    )
  const by = { actor: "test", why: "to see" }
  const pipeline: TestPipeline<Events> = {
    // The memory stores are always there.
    append: (...events) => Effect.catchTag(transaction(stream.append(events)), "StoreUnavailable", Effect.die),
    transaction,
    settled: waitFor(isDone, patienceMs, () => detail().join(", ")),
    parked: Effect.orDie(desk.list(stream.name, { status: "parked" }, parkedListedMax)),
    replay: (handler, key) =>
      Effect.orDie(desk.replay(stream.name, [{ handler, key }], atOnce, by)).pipe(
        Effect.andThen(log.ring(asideDoorbell(stream.name)))
      ),
    deliveries: spies.of,
    signals
  }
  return pipeline
})

const parkedListedMax = 1_000

/** Steps of the test's clock, or of real time. */
const stepMs = { testClock: 100, realTime: 5 }

/** A little time, on whichever clock the test runs. */
const passTime = Effect.flatMap(Clock.Clock, (clock) =>
  Predicate.hasProperty(clock, "adjust") ? TestClock.adjust(stepMs.testClock) : Effect.sleep(stepMs.realTime)
)

/** Draining takes time, which stands still unless the test moves it. */
const closeInTime = Effect.fnUntraced(function* (scope: Scope.Closeable) {
  const closing = yield* Effect.forkDetach(Scope.close(scope, Exit.void))
  while (closing.pollUnsafe() === undefined) yield* passTime
})

const waitFor = Effect.fnUntraced(function* (done: Effect.Effect<boolean>, patienceMs: number, detail: () => string) {
  const begunMs = yield* Clock.currentTimeMillis
  while (!(yield* done)) {
    const waitedMs = (yield* Clock.currentTimeMillis) - begunMs
    if (waitedMs > patienceMs) return yield* new NotSettled({ waitedMs, detail: detail() || "events are on their way" })
    yield* passTime
  }
})
