import { Context, Duration, Effect, Exit, Fiber, Latch, Layer, Scope } from "effect"
import * as MemoryPipeline from "../infra/memory/MemoryPipeline.ts"
import { MemoryBroker } from "../infra/memory/MemoryBroker.ts"
import { MemoryState } from "../infra/memory/MemoryState.ts"
import { type AuditReport, runAudit } from "../pipeline/Audit.ts"
import type { AuditStore } from "../pipeline/AuditStore.ts"
import type { ControlDesk } from "../pipeline/ControlDesk.ts"
import { EventLog } from "../pipeline/EventLog.ts"
import type { EventSchemas, EventStream } from "../pipeline/EventStream.ts"
import type { Handler } from "../pipeline/Handler.ts"
import { Outbox } from "../pipeline/Outbox.ts"
import type { ParkingDesk } from "../pipeline/ParkingDesk.ts"
import type { RelayTiming } from "../pipeline/Leader.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import { relayTimingDefault } from "../pipeline/Relay.ts"
import { SignalSink } from "../pipeline/Signals.ts"
import { Transactor } from "../pipeline/Transactor.ts"
import type { Counts, History } from "./History.ts"
import { type Effects, makeBook } from "./Book.ts"
import { inProcess } from "./EndProcess.ts"
import { type FaultPlan, faultPlanDefault } from "./FaultPlan.ts"
import { type Fate, faultyPorts, type Ports } from "./FaultyPorts.ts"
import { passUntil } from "./passUntil.ts"
import { operating, replayAll, tailsGetLost, writers } from "./Operator.ts"
import { PromiseBroken } from "./PromiseBroken.ts"
import { makeRandom, type Random } from "./Random.ts"
import { runSeeded } from "./SeededScheduler.ts"
import { faultsOf, isSettled } from "./Verdict.ts"

/** Everything a history is played on. */
export type Services = Ports | AuditStore | ControlDesk | ParkingDesk | MemoryBroker | Outbox | Transactor | MemoryState

/** What handlers and writers of a scenario may use besides their own. */
export type PlayerServices = Outbox | Transactor

/** One history's cast, made anew for each. */
export interface Play<E> {
  readonly handlers: ReadonlyArray<Handler<E, PlayerServices>>
  /** One business transaction, opened by itself (`Transactor.run`). It may fail: what it appended is then rolled back. */
  readonly write: (random: Random) => Effect.Effect<void, unknown, PlayerServices>
  /**
   * What makes handlers fail is mended: called once, when everything has come to rest. All parked keys are replayed
   * then, and nothing may be left of them. Without it, what is parked stays parked.
   */
  readonly mend?: () => void
  /** What of your own state is wrong in the end, in words; asked when everything has come to rest. */
  readonly wrong?: () => ReadonlyArray<string>
}

/** What is simulated: a stream, and who writes to it and handles it. */
export interface Scenario<Events extends EventSchemas, E> {
  readonly stream: EventStream<Events>
  readonly play: (effects: Effects, seed: number) => Play<E>
}

/** How it is simulated: which faults, and on which adapters. */
export interface SimulationOptions {
  /** What differs from `faultPlanDefault`. */
  readonly plan?: Partial<FaultPlan>
  /** Other adapters than the memory ones as they are: to see that a wrong one is noticed. */
  readonly ports?: Layer.Layer<Services>
}

/**
 * Plays the histories of seeds 1 to `seeds`, or of the given ones, and fails with the first that breaks a promise: an
 * effect lost, doubled or out of order, an event without its transaction, a key parked with a hole, something that never
 * came to rest, or what the scenario itself finds wrong.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Transactor } from "millrace"
 * import { type Effects, Simulation } from "millrace/testing"
 * import { Accounts, deposit, handlers } from "./accounts.ts"
 * const write = () => Effect.flatMap(Transactor, ({ run }) => run(deposit("ada", 500)))
 * const play = ({ observe }: Effects) => ({ handlers: handlers.map(observe), write })
 * const thirtyHistories = Simulation.check({ stream: Accounts, play }, 30)
 * ```
 */
export const check = Effect.fnUntraced(function* <Events extends EventSchemas, E>(
  scenario: Scenario<Events, E>,
  seeds: number | ReadonlyArray<number>,
  options: SimulationOptions = {}
) {
  let committed = 0
  for (const seed of typeof seeds === "number" ? Array.from({ length: seeds }, (_, i) => i + 1) : seeds) {
    const history = yield* play(scenario, seed, options)
    if (history.faults.length > 0) return yield* new PromiseBroken({ seed, faults: history.faults })
    committed += history.committed.length
  }
  if (committed === 0) return yield* Effect.die(new Error("nothing was committed in any history, which proves nothing"))
})

/**
 * One random history on the memory adapters: writers, instances that come, go, crash and freeze, requests and answers
 * that get lost, and time. The same seed is the same history, as long as scenario and plan are the same.
 */
export const play = <Events extends EventSchemas, E>(
  scenario: Scenario<Events, E>,
  seed: number,
  { plan, ports = MemoryPipeline.layer }: SimulationOptions = {}
): Effect.Effect<History> =>
  runSeeded(
    Layer.build(ports).pipe(
      Effect.flatMap((services) => live(scenario, { ...faultPlanDefault, ...plan }, seed, services)),
      Effect.scoped,
      Effect.provideService(SignalSink, () => Effect.void)
    ),
    seed
  )

interface World {
  readonly random: Random
  readonly plan: FaultPlan
  readonly start: (id: string, trouble: Trouble) => Effect.Effect<Started>
  readonly trouble: Trouble
  /** The broker loses some messages. */
  readonly loseTail: Effect.Effect<void>
  readonly counts: Counts
  nowMs: number
}

type Trouble = Readonly<Record<"failureShare" | "delayShare", number>>

interface Started {
  readonly scope: Scope.Closeable
  readonly fate: Fate
}

/** How long the last instance has to bring everything to its end. */
const settleMaxMs = 120_000

/** How often the last instance is started again. */
const startsMax = 100
const noTrouble: Trouble = { failureShare: 0, delayShare: 0 }

const live = Effect.fnUntraced(function* <Events extends EventSchemas, E>(
  scenario: Scenario<Events, E>,
  plan: FaultPlan,
  seed: number,
  services: Context.Context<Services>
) {
  const random = makeRandom(seed)
  const book = makeBook()
  const { name } = scenario.stream
  const noted = Context.add(
    services,
    Outbox,
    book.noted(Context.get(services, Outbox), Context.get(services, Transactor))
  )
  const cast = scenario.play(book.effects, seed)
  const fates: Array<Fate> = []
  const counts = { attempts: 0, left: 0, crashed: 0, frozen: 0, tailsLost: 0, ended: 0, replayed: 0 }
  // Small batches fill up, and then the relay reads ahead.
  const batchRowsMax = random.pick([2, 5, relayTimingDefault.batchRowsMax])
  const keepFor = random.chance(0.5) ? Duration.minutes(10) : Duration.zero
  const relay = { ...relayTimingDefault, keepFor, batchRowsMax }
  const world: World = {
    random,
    plan,
    start: makeStart(scenario.stream, cast.handlers.map(book.counted), random, { plan, relay, counts }, noted, fates),
    loseTail: Duration.isZero(relay.keepFor)
      ? Effect.void
      : Effect.suspend(() => {
          counts.tailsLost += 1
          return Context.get(services, MemoryBroker).loseTail(name, random.between(1, plan.lostMessagesMax))
        }),
    trouble: { failureShare: random.pick(plan.failureShares), delayShare: random.pick(plan.delayShares) },
    counts,
    nowMs: 0
  }
  const tables = Context.get(services, MemoryState).of(name)
  const { messagesIn } = Context.get(services, MemoryBroker)
  const isAtRest = () => isSettled(tables, messagesIn(name), cast.handlers)
  const look = Effect.orDie(runAudit(name)).pipe(Effect.provideContext(services))
  const replay = replayAll(name, counts, random).pipe(Effect.provideContext(services))
  const stage = { stream: name, handlers: cast.handlers.map((handler) => handler.name) }
  const operate = operating(stage, replay, random, plan).pipe(Effect.provideContext(services))
  const mended = { write: cast.write, mend: cast.mend, replay, operate, isMended: () => tables.parkedKeys.size === 0 }
  const { early, ended } = yield* unrest(world, mended, isAtRest, look, fates).pipe(Effect.provideContext(noted))
  const history = {
    seed,
    committed: book.committed,
    rolledBack: book.rolledBack,
    made: book.made,
    tables,
    stream: yield* Effect.orDie(Context.get(services, EventLog).refs(name, 0, Number.MAX_SAFE_INTEGER)),
    audits: [early, yield* look],
    settled: ended && isAtRest() && (cast.mend === undefined || mended.isMended()),
    counts: { ...counts, attempts: book.attempts() }
  }
  const own = history.settled ? (cast.wrong?.() ?? []) : []
  return { ...history, faults: [...faultsOf(history, cast.handlers), ...own] } satisfies History
})

/** What is done meanwhile, and in the end. */
interface Work {
  readonly write: Play<unknown>["write"]
  readonly mend: Play<unknown>["mend"]
  readonly replay: Effect.Effect<void>
  readonly operate: Effect.Effect<void>
  readonly isMended: () => boolean
}

/** Writers write, instances come and go; then one instance, untroubled, brings everything to its end and is stopped. */
const unrest = Effect.fnUntraced(function* (
  world: World,
  { isMended, mend, operate, replay, write }: Work,
  isAtRest: () => boolean,
  look: Effect.Effect<AuditReport>,
  fates: ReadonlyArray<Fate>
) {
  const { plan, random, start } = world
  // In half of the histories one instance lives through all of it; in the others the last one comes to a field of ruins.
  const veteran = random.chance(0.5) ? yield* start("veteran", noTrouble) : undefined
  if (veteran !== undefined) Object.assign(veteran.fate, world.trouble)
  const writing = yield* Effect.forkChild(writers(write, random, plan))
  const slots = Array.from({ length: random.between(Math.min(2, plan.instancesMax), plan.instancesMax) }, (_, slot) =>
    comeAndGo(world, slot)
  )
  slots.push(tailsGetLost(world.loseTail, random, plan), operate)
  const living = yield* Effect.forkDetach(Effect.all(slots, { concurrency: "unbounded", discard: true }))
  yield* passUntil(
    world,
    () => writing.pollUnsafe() !== undefined && living.pollUnsafe() !== undefined,
    plan.unrestMs * 10
  )
  yield* Fiber.join(writing)
  const early = yield* look
  for (const fate of fates) Object.assign(fate, noTrouble)
  let last = veteran ?? (yield* start("last", noTrouble))
  // What ends its process does so as often as it is allowed to: somebody starts it again.
  yield* passUntil(world, () => isAtRest() || last.fate.down, settleMaxMs)
  for (let starts = 0; starts < startsMax && last.fate.down; starts++) {
    last = yield* start(`last-${starts}`, noTrouble)
    yield* passUntil(world, () => isAtRest() || last.fate.down, settleMaxMs)
  }
  if (mend !== undefined) {
    mend()
    yield* replay
    yield* passUntil(world, () => isAtRest() && isMended(), settleMaxMs)
  }
  const closing = yield* Effect.forkDetach(Scope.close(last.scope, Exit.void))
  yield* passUntil(world, () => closing.pollUnsafe() !== undefined, settleMaxMs)
  return { early, ended: living.pollUnsafe() !== undefined && closing.pollUnsafe() !== undefined }
})

const makeStart = <Events extends EventSchemas, E>(
  stream: EventStream<Events>,
  handlers: ReadonlyArray<Handler<E, PlayerServices>>,
  random: Random,
  { counts, plan, relay }: { readonly plan: FaultPlan; readonly relay: RelayTiming; readonly counts: Counts },
  services: Context.Context<Services>,
  fates: Array<Fate>
) => {
  const partitions = random.between(1, 4)
  return Effect.fnUntraced(function* (id: string, trouble: Trouble): Effect.fn.Return<Started> {
    const fate: Fate = { down: false, awake: yield* Latch.make(true), delayMaxMs: plan.delayMaxMs, ...trouble }
    fates.push(fate)
    const scope = yield* Scope.make()
    const inside = handlers.map((handler) => inProcess(handler, fate, { counts, scope }))
    const pipeline = Pipeline.layer(stream, inside, {
      partitions,
      instance: { id, host: "simulation", version: "", roles: [] },
      relay,
      consumers: {
        heartbeatEvery: Duration.seconds(1),
        transactionsMax: random.between(1, 2),
        drainMax: Duration.seconds(2),
        ackWait: Duration.seconds(random.between(2, 30)),
        parkedEventsMax: 10_000,
        parkedEventsOfKeyMax: 1_000
      }
    }).pipe(Layer.provide(Layer.succeedContext(Context.merge(services, faultyPorts(services, fate, random)))))
    yield* Layer.buildWithScope(pipeline, scope).pipe(Effect.exit)
    return { scope, fate }
  })
}

/** One process after another: each starts, lives a while, and leaves, crashes or freezes and comes back. */
const comeAndGo = Effect.fnUntraced(function* (world: World, slot: number) {
  const { counts, plan, random, start, trouble } = world
  for (let life = 0; world.nowMs < plan.unrestMs; life++) {
    yield* Effect.sleep(random.between(0, 1_000))
    const { fate, scope } = yield* start(`${slot}-${life}`, trouble)
    yield* Effect.sleep(random.between(200, 4_000))
    const end = random.pick(plan.endings)
    if (end === "crash") {
      counts.crashed += 1
      fate.down = true
    } else if (end === "freeze") {
      counts.frozen += 1
      yield* fate.awake.close
      yield* Effect.sleep(random.between(500, plan.freezeMaxMs))
      yield* fate.awake.open
      yield* Effect.sleep(random.between(0, 1_500))
    } else counts.left += 1
    yield* Scope.close(scope, Exit.void)
  }
})
