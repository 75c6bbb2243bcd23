import { Duration, Effect, Exit, Request, RequestResolver, Schedule, type Scope } from "effect"
import { EffectLedger } from "./EffectLedger.ts"
import type { Handler } from "./Handler.ts"
import { NotBegun } from "./NotBegun.ts"
import type { StoreUnavailable } from "./PipelineError.ts"

/** How long the first intention waits for others to be noted with it; as long as the first effect waits. */
const linger = Duration.millis(2)

/** Intentions noted with one statement, at most. */
const intentionsMax = 500

/** How often confirmed effects that are old are forgotten. */
const forgetEvery = Duration.minutes(10)

type Before = "new" | "intended" | "confirmed"

class Intend extends Request.Class<{ readonly idempotencyKey: string }, Before, StoreUnavailable> {}

class Confirm extends Request.Class<{ readonly idempotencyKey: string }, void, StoreUnavailable> {}

/**
 * A handler that can say whether an effect has happened already: every effect is noted before it is made and when it was.
 * One that was noted before and not confirmed is asked about first, and left out when it has happened. Handlers that
 * cannot say are returned as they are.
 *
 * Guarantees: an effect that was confirmed is not made again under the same idempotency key. One whose process ended
 * between the effect and its confirmation is as good as the handler's answer.
 */
export const ledgered = Effect.fnUntraced(function* <E, R>(
  stream: string,
  handler: Handler<E, R>
): Effect.fn.Return<Handler<E | NotBegun, R>, never, EffectLedger | Scope.Scope> {
  const ledger = yield* EffectLedger
  const { confirm: hasHappened, effectsKeptFor, name } = handler
  if (hasHappened === undefined) return handler
  const intending = intentions((keys) => ledger.intend(stream, name, keys))
  const confirming = confirmations((keys) => ledger.confirm(stream, name, keys))
  yield* Effect.ignore(Effect.repeat(ledger.forget(stream, name, effectsKeptFor), { while: (gone) => gone > 0 })).pipe(
    Effect.repeat(Schedule.spaced(forgetEvery)),
    Effect.forkScoped
  )
  return {
    ...handler,
    run: Effect.fnUntraced(function* (deliveries) {
      for (const delivery of deliveries) {
        const { idempotencyKey } = delivery
        const before = yield* Effect.mapError(
          Effect.request(new Intend({ idempotencyKey }), intending),
          (error) => new NotBegun(error)
        )
        const done = before === "confirmed" || (before === "intended" && (yield* hasHappened(delivery)))
        if (!done) yield* handler.run([delivery])
        // Should the store be away now, it is asked about if it comes again.
        if (before !== "confirmed") yield* Effect.ignore(Effect.request(new Confirm({ idempotencyKey }), confirming))
      }
    })
  }
})

const intentions = (ask: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Before>, StoreUnavailable>) =>
  RequestResolver.make<Intend>((entries) =>
    Effect.matchCause(ask(entries.map((entry) => entry.request.idempotencyKey)), {
      onFailure: (cause) => entries.forEach((entry) => entry.completeUnsafe(Exit.failCause(cause))),
      onSuccess: (answers) => entries.forEach((entry, i) => entry.completeUnsafe(Exit.succeed(answers[i] ?? "new")))
    })
  ).pipe(RequestResolver.setDelay(linger), RequestResolver.batchN(intentionsMax))

const confirmations = (tell: (keys: ReadonlyArray<string>) => Effect.Effect<void, StoreUnavailable>) =>
  RequestResolver.make<Confirm>((entries) =>
    Effect.map(Effect.exit(tell(entries.map((entry) => entry.request.idempotencyKey))), (exit) =>
      entries.forEach((entry) => entry.completeUnsafe(exit))
    )
  ).pipe(RequestResolver.setDelay(linger), RequestResolver.batchN(intentionsMax))
