import { Effect, FiberMap, Scope, Semaphore } from "effect"
import { makeBatchCommit } from "./BatchCommit.ts"
import { asideKeysAtOnceMax, type ConsumerOptions } from "./ConsumerOptions.ts"
import type { LogDeclaration } from "./EventLog.ts"
import { makeGroupCommit } from "./GroupCommit.ts"
import type { Handler } from "./Handler.ts"
import { makeHandlerGate } from "./HandlerGate.ts"
import type { Instance } from "./Ownership.ts"
import type { HandlerUnit } from "./PartitionOpening.ts"
import { SelfReport } from "./SelfReport.ts"
import type { Share } from "./Share.ts"
import { makeSuspicion } from "./Suspicion.ts"

/** What an instance begins with: nothing in hand. */
export const makeShare = Effect.fnUntraced(function* <E>(
  declaration: LogDeclaration,
  handlers: ReadonlyArray<Handler<E>>,
  instance: Instance,
  options: ConsumerOptions
) {
  const units = yield* Effect.forEach(handlers, (handler) => makeUnit(handler, options.transactionsMax))
  const parking = { changed: true }
  const share: Share<E> = {
    stream: declaration.name,
    instance,
    workerOptions: {
      declaration,
      instance: instance.id,
      groupCommit: yield* makeGroupCommit(),
      suspicion: makeSuspicion(),
      parking
    },
    units: new Map(units.map((unit) => [unit.handler.name, unit])),
    fibers: yield* FiberMap.make<string, void, unknown>(),
    working: new Map(),
    balanced: [],
    balancedEnding: new Set(),
    balancedScope: yield* Effect.flatMap(Effect.scope, (scope) => Scope.fork(scope, "sequential")),
    selfReport: yield* SelfReport,
    controls: [],
    draining: new Map(),
    scope: yield* Effect.scope,
    drainMax: options.drainMax,
    parking,
    rewinds: 0,
    topology: { first: declaration.first ?? 0, partitions: declaration.partitions },
    beats: 0,
    asideDue: true,
    failing: false,
    hasMore: false,
    cutOff: false,
    provenAt: 0n
  }
  return share
})

const makeUnit = Effect.fnUntraced(function* <E>(handler: Handler<E>, transactionsMax: number) {
  const batchCommit = yield* makeBatchCommit(handler, transactionsMax)
  const slots = yield* Semaphore.make(handler.keysAtOnceMax)
  const asideSlots = yield* Semaphore.make(Math.min(handler.keysAtOnceMax, asideKeysAtOnceMax))
  const gate = yield* makeHandlerGate(handler)
  return { handler, batchCommit, gate, slots, asideSlots } satisfies HandlerUnit<E>
})
