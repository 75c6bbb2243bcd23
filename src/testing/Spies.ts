import { Cause, Effect, Exit } from "effect"
import { classOfCause } from "../pipeline/Attempt.ts"
import type { Delivery, Handler } from "../pipeline/Handler.ts"
import type { FailureClass } from "../pipeline/RetryPolicy.ts"

/** How an attempt of a handler ended. */
export type AttemptOutcome =
  | { readonly _tag: "Handled" }
  | {
      readonly _tag: "Failed"
      /** What the pipeline makes of it: tries again, parks the key at once, or pauses the handler. */
      readonly class: FailureClass
      /** The error, or what a defect was. */
      readonly error: unknown
    }

/** An event in a handler's hands, and what became of it. */
export interface Spied<out Event> extends Delivery<Event> {
  readonly outcome: AttemptOutcome
}

/** Writes down what handlers are given. */
export interface Spies<Event> {
  readonly on: <E, R>(handler: Handler<E, R>) => Handler<E, R>
  readonly of: (handler: string) => ReadonlyArray<Spied<Event>>
}

/** What the end of an attempt means. An attempt that was interrupted has none. */
export const outcomeOf = ({ retry }: Pick<Handler, "retry">, exit: Exit.Exit<void, unknown>): AttemptOutcome =>
  Exit.isSuccess(exit)
    ? { _tag: "Handled" }
    : { _tag: "Failed", class: classOfCause(retry, exit.cause), error: Cause.squash(exit.cause) }

/** Nothing seen yet. */
export const makeSpies = <Event>(): Spies<Event> => {
  const seen = new Map<string, Array<Spied<Event>>>()
  const note = (
    handler: Handler<unknown, unknown>,
    deliveries: ReadonlyArray<Delivery<unknown>>,
    outcome: AttemptOutcome
  ) => {
    const before = seen.get(handler.name) ?? []
    // They are of the stream whose events are spied on.
    seen.set(handler.name, [...before, ...deliveries.map((one) => ({ ...one, outcome }) as Spied<Event>)])
  }
  return {
    of: (handler) => seen.get(handler) ?? [],
    on: (handler) => ({
      ...handler,
      run: (deliveries) =>
        Effect.onExit(handler.run(deliveries), (exit) =>
          Effect.sync(() => {
            if (Exit.isSuccess(exit) || !Cause.hasInterruptsOnly(exit.cause))
              note(handler, deliveries, outcomeOf(handler, exit))
          })
        )
    })
  }
}
