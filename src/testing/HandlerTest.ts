import { Effect, Result } from "effect"
import * as MemoryTransactor from "../infra/memory/MemoryTransactor.ts"
import type { EventOf, EventSchemas, EventStream } from "../pipeline/EventStream.ts"
import type { Delivery, Handler } from "../pipeline/Handler.ts"
import { type NewEntry, Outbox } from "../pipeline/Outbox.ts"
import { InvalidEvent } from "../pipeline/PipelineError.ts"
import { Transactor } from "../pipeline/Transactor.ts"
import { type AttemptOutcome, outcomeOf } from "./Spies.ts"

/** What became of an event: as an attempt ends, or `Passed` when the handler does not want its type. */
export type HandlerOutcome = AttemptOutcome | { readonly _tag: "Passed" }

/** How an event is given to a handler: once, or several times, as after a crash. */
export interface WhenOptions {
  /** So many times, each under the same idempotency key, as after a crash; the outcome is the last one's. 1 unless said otherwise. */
  readonly times?: number
}

/** A history that a handler has behind it, and what it makes of the next event. */
export interface Given<Events extends EventSchemas> {
  /**
   * Hands the handler the history first, which it must handle, then this event, and says how that ended. Failures are
   * outcomes. Without the engine: no order, retries or parking; `TestPipeline` has those.
   */
  readonly when: <R>(
    handler: Handler<unknown, R>,
    event: EventOf<Events>,
    options?: WhenOptions
  ) => Effect.Effect<HandlerOutcome, InvalidEvent, Exclude<R, Transactor>>
}

/**
 * What a handler does with an event, after some others: `given(stream, [deposited]).when(balance, withdrawn)`.
 *
 * Events are written and read by the stream's Schemas on their way, with versions per key. A transactional handler runs in
 * a transaction in memory: what it asks for `afterCommit` happens only when it succeeds.
 *
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect } from "effect"
 * import { Handler } from "millrace"
 * import { HandlerTest } from "millrace/testing"
 * import { Accounts } from "./accounts.ts"
 *
 * const audit = Handler.external(Accounts, "audit", { on: ["withdrawn"] }, ({ event }) => Effect.logDebug(event.cents))
 *
 * const outcome = await Effect.runPromise(
 *   HandlerTest.given(Accounts).when(audit, { _tag: "Deposited", account: "ada", cents: 500 })
 * )
 * assert.deepEqual(outcome, { _tag: "Passed" })
 * ```
 */
export const given = <Events extends EventSchemas>(
  stream: EventStream<Events>,
  history: ReadonlyArray<EventOf<Events>> = []
): Given<Events> => ({
  when: (handler, event, { times = 1 } = {}) =>
    Effect.gen(function* () {
      const deliveries = yield* deliveriesOf(stream, handler.name, [...history, event])
      const before = deliveries.slice(0, -1)
      for (const delivery of before) {
        const outcome = yield* attempt(handler, delivery)
        if (outcome._tag === "Failed")
          return yield* Effect.die(new Error(`${handler.name} failed at a given event`, { cause: outcome.error }))
      }
      let last: HandlerOutcome = { _tag: "Passed" }
      for (const delivery of deliveries.slice(-1))
        for (let i = 1; i <= times; i++) last = yield* attempt(handler, { ...delivery, attempt: i })
      return last
    }).pipe(Effect.provide(MemoryTransactor.layer))
})

const attempt = <R>(
  handler: Handler<unknown, R>,
  delivery: Delivery<unknown>
): Effect.Effect<HandlerOutcome, never, R | Transactor> => {
  if (!handler.types.has(delivery.type)) return Effect.succeed({ _tag: "Passed" })
  const run = handler.run([delivery])
  const whole: Effect.Effect<void, unknown, R | Transactor> =
    handler.mode === "transactional" ? Effect.flatMap(Transactor, (transactor) => transactor.run(run)) : run
  return Effect.map(Effect.exit(whole), (exit) => outcomeOf(handler, exit))
}

/** The events as a handler would get them. */
const deliveriesOf = Effect.fnUntraced(function* <Events extends EventSchemas>(
  stream: EventStream<Events>,
  handler: string,
  events: ReadonlyArray<EventOf<Events>>
) {
  const entries: Array<NewEntry> = []
  const recorder = Outbox.of({
    append: (_, added) =>
      Effect.sync(() => {
        entries.push(...added)
        return []
      })
  })
  yield* stream
    .append(events)
    .pipe(Effect.provideService(Outbox, recorder), Effect.catchTag(["StoreUnavailable", "VersionConflict"], Effect.die))
  return yield* Effect.forEach(entries, (entry, i) => deliveryOf(stream, handler, entry, versionAt(entries, i)))
})

const versionAt = (entries: ReadonlyArray<NewEntry>, at: number) =>
  entries.slice(0, at + 1).filter(({ key }) => key === entries[at]?.key).length

const deliveryOf = <Events extends EventSchemas>(
  stream: EventStream<Events>,
  handler: string,
  { eventId, key, payload, traceparent, type }: NewEntry,
  version: number
): Effect.Effect<Delivery<unknown>, InvalidEvent> =>
  Effect.fromResult(
    stream.read(type, payload).pipe(
      Result.mapBoth({
        onFailure: ({ detail }) => new InvalidEvent({ type, detail: `it cannot be read again: ${detail}` }),
        onSuccess: ({ event }) => ({
          event,
          eventId,
          type,
          key,
          version,
          attempt: 1,
          idempotencyKey: `${handler}:${eventId}:0`,
          traceparent
        })
      })
    )
  )
