import { Context, Effect, Layer } from "effect"
import * as MemoryPipeline from "../../../src/infra/memory/MemoryPipeline.ts"
import { EventLedger } from "../../../src/pipeline/EventLedger.ts"
import { EventLog } from "../../../src/pipeline/EventLog.ts"
import { Transactor } from "../../../src/pipeline/Transactor.ts"
import { faithful, type Variant } from "../../support/World.ts"

/** Nobody operates on it. */
const undisturbed = { replaysMax: 0, controlsMax: 0, repartitionsMax: 0 } as const

type Parts = { readonly inner: EventLedger["Service"]; readonly run: Transactor["Service"]["run"] }

const variant = (change: (parts: Parts) => Partial<EventLedger["Service"]>): Variant => ({
  ...faithful,
  layer: Layer.effect(
    EventLedger,
    Effect.gen(function* () {
      const inner = yield* EventLedger
      const { run } = yield* Transactor
      return EventLedger.of({ ...inner, ...change({ inner, run }) })
    })
  ).pipe(Layer.provideMerge(MemoryPipeline.layer))
})

const commitsWhoeverElseHas = ({ inner, run }: Parts): Pick<EventLedger["Service"], "commit"> => ({
  commit: (_, plan, effects) =>
    Effect.andThen(
      run(effects),
      Effect.suspend(() => inner.record(plan()))
    )
})

/** Whoever has an event commits its effects, whoever else has. */
export const entersAgain = variant(commitsWhoeverElseHas)

/** What is committed is entered first, and the effects follow. */
export const entersBeforeEffects = variant(({ inner, run }) => ({
  commit: (handler, plan, effects) => Effect.andThen(inner.commit(handler, plan, Effect.void), run(effects))
}))

/** What comes again is handled again: nobody is asked whether it is done. */
export const asksNobody = variant((parts) => ({
  isDone: (_, __, events) => Effect.succeed(events.map(() => false)),
  ...commitsWhoeverElseHas(parts)
}))

/** A consumer that stays when the stream was turned back: it has sequences behind it that are given anew. */
export const outlivesRewinds: Variant = {
  ...variant(({ inner }) => ({
    start: (stream, handler) => Effect.map(inner.start(stream, handler), (start) => ({ ...start, generation: 0 }))
  })),
  plan: { tailLossesMax: 40, lostMessagesMax: 6, transactionsMax: 20, delayShares: [0.05], failureShares: [0] }
}

const floorOf = (believed: boolean): Variant => ({
  ...faithful,
  layer: Layer.effectContext(
    Effect.gen(function* () {
      const log = yield* EventLog
      const inner = yield* EventLedger
      const ahead = EventLog.of({
        ...log,
        share: (declaration, from) =>
          Effect.map(log.share(declaration, from), (shared) => ({
            ...shared,
            position: Effect.map(log.info(declaration.name), ({ lastSeq }) => ({ floor: lastSeq, delivered: lastSeq }))
          }))
      })
      const ledger = EventLedger.of({
        ...inner,
        advance: (to) => inner.advance({ ...to, isProven: to.isProven || believed })
      })
      return Context.make(EventLog, ahead).pipe(Context.add(EventLedger, ledger))
    })
  ).pipe(Layer.provideMerge(MemoryPipeline.layer))
})

/** A floor that is where the stream ends, whatever is acknowledged, and a ledger that believes it. */
export const floorAhead: Variant = {
  ...floorOf(true),
  plan: {
    ...undisturbed,
    endings: ["crash"],
    failureShares: [0],
    delayShares: [0.2],
    tailLossesMax: 0,
    unrestMs: 12_000,
    transactionsMax: 20
  }
}

/** The same with the ledger as it is: what is not handled begins again, and nothing is lost. */
export const floorAheadRefused = floorOf(false)
