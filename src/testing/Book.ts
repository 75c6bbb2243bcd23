import { Effect } from "effect"
import { atCommit, inTransaction } from "../infra/memory/MemoryTransactor.ts"
import type { Delivery, Handler } from "../pipeline/Handler.ts"
import { Outbox } from "../pipeline/Outbox.ts"
import { Transactor } from "../pipeline/Transactor.ts"

/** An event that a writer appended. */
export interface Written {
  readonly eventId: string
  readonly key: string
  readonly version: number
  readonly type: string
}

/** An effect of a handler, in the order it happened. */
export interface Made {
  readonly key: string
  readonly version: number
  readonly eventId: string
  readonly position: number
  readonly idempotencyKey: string
}

/** Of which event something is the effect. */
export type EffectOf = Pick<Delivery<unknown>, "key" | "version" | "eventId" | "idempotencyKey">

/** How handlers tell the simulation of their effects. */
export interface Effects {
  /** Notes an effect; inside a transaction it counts when that commits, together with it. */
  readonly note: (handler: string, of: EffectOf) => Effect.Effect<void>
  /** The handler, with an effect noted for every event it has handled. Handlers that fail after an effect note it themselves. */
  readonly observe: <E, R>(handler: Handler<E, R>) => Handler<E, R>
}

/** What was written, rolled back and made in one history. */
export interface Book {
  readonly committed: ReadonlyArray<Written>
  readonly rolledBack: ReadonlyArray<Written>
  readonly made: ReadonlyMap<string, ReadonlyArray<Made>>
  /** Events given to handlers, failed attempts too. */
  readonly attempts: () => number
  readonly effects: Effects
  /** Counts the attempts of a handler. */
  readonly counted: <E, R>(handler: Handler<E, R>) => Handler<E, R>
  /** The outbox, with every append noted as its transaction ends. */
  readonly noted: (outbox: Outbox["Service"], transactor: Transactor["Service"]) => Outbox["Service"]
}

/** An empty book. */
export const makeBook = (): Book => {
  const committed: Array<Written> = []
  const rolledBack: Array<Written> = []
  const made = new Map<string, Array<Made>>()
  let attempts = 0
  let position = 0

  const write = (handler: string, { eventId, idempotencyKey, key, version }: EffectOf) => {
    const effects = made.get(handler) ?? []
    made.set(handler, effects)
    effects.push({ key, version, eventId, idempotencyKey, position: position++ })
  }
  const note: Effects["note"] = (handler, of) =>
    Effect.flatMap(inTransaction, (open) =>
      open ? atCommit(() => write(handler, of)) : Effect.sync(() => write(handler, of))
    )
  return {
    committed,
    rolledBack,
    made,
    attempts: () => attempts,
    effects: {
      note,
      observe: (handler) => ({
        ...handler,
        run: (deliveries) =>
          Effect.andThen(
            handler.run(deliveries),
            Effect.forEach(deliveries, (of) => note(handler.name, of), { discard: true })
          )
      })
    },
    counted: (handler) => ({
      ...handler,
      run: (deliveries) =>
        Effect.suspend(() => {
          attempts += deliveries.length
          return handler.run(deliveries)
        })
    }),
    noted: (outbox, transactor) =>
      Outbox.of({
        append: Effect.fnUntraced(function* (stream, entries, options) {
          const appended = yield* outbox.append(stream, entries, options)
          const written = appended.map((one, i): Written => ({ ...one, type: entries[i]?.type ?? "" }))
          yield* atCommit(() => committed.push(...written))
          yield* transactor.onRollback(Effect.sync(() => rolledBack.push(...written)))
          return appended
        })
      })
  }
}
