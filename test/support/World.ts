import { Context, Duration, Effect, Exit, Fiber, Layer, Latch, Scope } from "effect"
import { TestClock } from "effect/testing"
import { MemoryState, type MemoryTables, rowKey } from "../../src/infra/memory/MemoryState.ts"
import * as MemoryPipeline from "../../src/infra/memory/MemoryPipeline.ts"
import { type AuditReport, runAudit } from "../../src/pipeline/Audit.ts"
import type { AuditStore } from "../../src/pipeline/AuditStore.ts"
import { EventLog, type StoredRef } from "../../src/pipeline/EventLog.ts"
import { Outbox } from "../../src/pipeline/Outbox.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { SignalSink } from "../../src/pipeline/Signals.ts"
import { Transactor } from "../../src/pipeline/Transactor.ts"
import { type Fate, faultyPorts, type Ports } from "./Faults.ts"
import { handlerNames, type Ledger, type Made, makeLedger, noteStream, type Place } from "./Ledger.ts"
import { makeRandom, type Random } from "./Random.ts"
import { runSeeded } from "./SeededScheduler.ts"
import { write, type Written } from "./Writers.ts"

/** Everything a world is built on. */
export type Services = Ports | AuditStore | Outbox | Transactor | MemoryState

/** The parts a history is run on: the real ones, or one of them wrong on purpose. */
export interface Variant {
  readonly layer: Layer.Layer<Services>
  readonly placeOf: Place
}

/** The memory adapters as they are. */
export const faithful: Variant = { layer: MemoryPipeline.layer, placeOf: ({ key, version }) => ({ key, version }) }

/** All that happened, for the oracle. */
export interface History extends Written {
  readonly seed: number
  readonly made: ReadonlyMap<string, ReadonlyArray<Made>>
  readonly tables: MemoryTables
  readonly stream: ReadonlyArray<StoredRef>
  /** What the pipeline itself says of it: once in the middle, once in the end. */
  readonly audits: ReadonlyArray<AuditReport>
  /** Whether everything committed was handled or parked in the end, and every instance could be stopped. */
  readonly settled: boolean
  readonly counts: Counts
}

/** How much happened: a history without faults proves little. */
export interface Counts {
  readonly runs: number
  left: number
  crashed: number
  frozen: number
}

/** How long instances come and go, in milliseconds of the test clock. */
const unrestMs = 6_000

/** How long the last instance has to bring everything to its end. */
const settleMaxMs = 60_000

interface World {
  readonly seed: number
  readonly random: Random
  readonly services: Context.Context<Services>
  readonly ledger: Ledger
  readonly partitions: number
  readonly counts: Counts
  readonly fates: Array<Fate>
  readonly faultProbability: number
  nowMs: number
}

/** One random history: writers, instances that come, go, crash and freeze, and time. */
export const runHistory = (seed: number, variant: Variant = faithful): Effect.Effect<History> =>
  runSeeded(
    Layer.build(variant.layer).pipe(
      Effect.flatMap((services) => live(seed, variant, services)),
      Effect.scoped,
      Effect.provideService(SignalSink, () => Effect.void)
    ),
    seed
  )

const live = Effect.fnUntraced(function* (seed: number, variant: Variant, services: Context.Context<Services>) {
  const random = makeRandom(seed)
  const ledger = makeLedger(seed, variant.placeOf)
  const counts = { runs: 0, left: 0, crashed: 0, frozen: 0 }
  const world: World = {
    seed,
    random,
    services,
    ledger,
    partitions: random.between(1, 4),
    counts,
    fates: [],
    faultProbability: random.pick([0, 0.01, 0.05]),
    nowMs: 0
  }
  // In half of the histories one instance lives through all of it; in the others the last one comes to a field of ruins.
  const veteran = random.chance(0.5) ? yield* start(world, "veteran", 0) : undefined
  if (veteran !== undefined) veteran.fate.faultProbability = world.faultProbability
  const writing = yield* write(random).pipe(Effect.provideContext(services), Effect.forkChild)
  const slots = Array.from({ length: random.between(2, 3) }, (_, slot) => comeAndGo(world, slot))
  const unrest = yield* Effect.forkDetach(Effect.all(slots, { concurrency: "unbounded", discard: true }))
  yield* passUntil(world, () => writing.pollUnsafe() !== undefined && unrest.pollUnsafe() !== undefined, unrestMs * 10)
  const look = Effect.orDie(runAudit(noteStream.name)).pipe(Effect.provideContext(services))
  const written = yield* Fiber.join(writing)
  const early = yield* look
  const last = veteran ?? (yield* start(world, "last", 0))
  for (const fate of world.fates) fate.faultProbability = 0
  const tables = Context.get(services, MemoryState).of(noteStream.name)
  yield* passUntil(world, () => isSettled(tables), settleMaxMs)
  const isAtRest = isSettled(tables)
  const closing = yield* Effect.forkDetach(Scope.close(last.scope, Exit.void))
  yield* passUntil(world, () => closing.pollUnsafe() !== undefined, settleMaxMs)
  const log = Context.get(services, EventLog)
  const stream = yield* Effect.orDie(log.refs(noteStream.name, 0, Number.MAX_SAFE_INTEGER))
  const history: History = {
    ...written,
    seed,
    made: ledger.made,
    tables,
    stream,
    audits: [early, yield* look],
    settled: isAtRest && unrest.pollUnsafe() !== undefined && closing.pollUnsafe() !== undefined,
    counts: { ...counts, runs: ledger.runs() }
  }
  return history
})

/** Time passes, in small steps of any size. */
const passUntil = Effect.fnUntraced(function* (world: World, done: () => boolean, patienceMs: number) {
  const untilMs = world.nowMs + patienceMs
  while (!done() && world.nowMs < untilMs) {
    const stepMs = world.random.between(1, 60)
    world.nowMs += stepMs
    yield* TestClock.adjust(stepMs)
  }
})

const isSettled = ({ heads, outbox, progress }: MemoryTables) =>
  outbox.size === 0 &&
  [...heads].every(([key, version]) =>
    handlerNames.every((handler) => (progress.get(rowKey(handler, key))?.version ?? 0) >= version)
  )

interface Started {
  readonly scope: Scope.Closeable
  readonly fate: Fate
}

const start = Effect.fnUntraced(function* (
  world: World,
  id: string,
  faultProbability: number
): Effect.fn.Return<Started> {
  const { ledger, partitions, random, services } = world
  const fate: Fate = { down: false, awake: yield* Latch.make(true), faultProbability }
  world.fates.push(fate)
  const scope = yield* Scope.make()
  const pipeline = Pipeline.layer(noteStream, ledger.handlers, {
    partitions,
    instance: { id, host: "test", version: "test", roles: [] },
    consumers: {
      heartbeatEvery: Duration.seconds(1),
      transactionsMax: random.between(1, 2),
      drainMax: Duration.seconds(2)
    }
  }).pipe(Layer.provide(Layer.succeedContext(faultyPorts(services, fate, random))))
  yield* Layer.buildWithScope(pipeline, scope).pipe(Effect.exit)
  return { scope, fate }
})

/** One process after another: each starts, lives a while, and leaves, crashes or freezes and comes back. */
const comeAndGo = Effect.fnUntraced(function* (world: World, slot: number) {
  const { counts, random } = world
  for (let life = 0; world.nowMs < unrestMs; life++) {
    yield* Effect.sleep(random.between(0, 1_000))
    const { fate, scope } = yield* start(world, `${slot}-${life}`, world.faultProbability)
    yield* Effect.sleep(random.between(200, 4_000))
    const end = random.pick(["leave", "crash", "freeze"])
    if (end === "crash") {
      counts.crashed += 1
      fate.down = true
    } else if (end === "freeze") {
      counts.frozen += 1
      yield* fate.awake.close
      yield* Effect.sleep(random.between(500, 7_000))
      yield* fate.awake.open
      yield* Effect.sleep(random.between(0, 1_500))
    } else counts.left += 1
    yield* Scope.close(scope, Exit.void)
  }
})
