import { Context, Effect, Exit, Layer, Option, Semaphore } from "effect"
import { Transactor } from "../../pipeline/Transactor.ts"

/** A transaction that is open: what undoes it, and what follows its commit. */
interface Open {
  readonly apply: Array<() => void>
  readonly undo: Array<Effect.Effect<void>>
  readonly onCommit: Array<Effect.Effect<void>>
}

const CurrentTransaction = Context.Reference<Option.Option<Open>>("millrace/infra/memory/CurrentTransaction", {
  defaultValue: Option.none
})

/** Whether the effect runs inside a memory transaction. */
export const inTransaction: Effect.Effect<boolean> = Effect.map(CurrentTransaction, Option.isSome)

/**
 * Part of the commit itself: visible to others at once with it, before the next transaction begins. Rows that only
 * appeared some time after their commit could appear in another order than they were committed in.
 */
export const atCommit = (apply: () => void): Effect.Effect<void> =>
  Effect.map(CurrentTransaction, (open) => {
    if (Option.isSome(open)) open.value.apply.push(apply)
  })

/**
 * Transactions in memory: one at a time, undone when they fail. That makes them serializable, and one that sleeps makes
 * all others wait, so it is no measure of speed.
 */
export const layer: Layer.Layer<Transactor> = Layer.effect(
  Transactor,
  Effect.gen(function* () {
    const turn = yield* Semaphore.make(1)

    const settle = (open: Open, exit: Exit.Exit<unknown, unknown>, parent: Option.Option<Open>) => {
      if (Exit.isFailure(exit)) return Effect.all(open.undo.toReversed(), { discard: true })
      if (Option.isNone(parent)) return Effect.sync(() => open.apply.forEach((apply) => apply()))
      parent.value.apply.push(...open.apply)
      parent.value.undo.push(...open.undo)
      parent.value.onCommit.push(...open.onCommit)
      return Effect.void
    }

    const nested = <A, E, R>(effect: Effect.Effect<A, E, R>, open: Open, parent: Option.Option<Open>) =>
      effect.pipe(
        Effect.provideService(CurrentTransaction, Option.some(open)),
        Effect.onExit((exit) => settle(open, exit, parent))
      )

    const run = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.flatMap(CurrentTransaction, (parent) => {
        const open: Open = { apply: [], undo: [], onCommit: [] }
        if (Option.isSome(parent)) return nested(effect, open, parent)
        return turn
          .withPermit(nested(effect, open, parent))
          .pipe(Effect.tap(() => Effect.all(open.onCommit, { discard: true })))
      })

    const during = (add: (open: Open) => void, outside: Effect.Effect<void>) =>
      Effect.flatMap(CurrentTransaction, (open) => (Option.isSome(open) ? Effect.sync(() => add(open.value)) : outside))

    return Transactor.of({
      run,
      afterCommit: (effect) => during((open) => open.onCommit.push(effect), effect),
      onRollback: (effect) => during((open) => open.undo.push(effect), Effect.void)
    })
  })
)
