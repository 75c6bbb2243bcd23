import { Cause, Effect, Exit, type Layer, Schema } from "effect"
import { controlLaws } from "./ControlLaws.ts"
import { crashLogLaws } from "./CrashLogLaws.ts"
import { effectLedgerLaws } from "./EffectLedgerLaws.ts"
import { eventLedgerLaws } from "./EventLedgerLaws.ts"
import { eventLogLaws } from "./EventLogLaws.ts"
import { inboxLaws } from "./InboxLaws.ts"
import type { Laws } from "./Law.ts"
import { outboxLaws } from "./OutboxLaws.ts"
import { ownershipLaws } from "./OwnershipLaws.ts"
import { parkingLaws } from "./ParkingLaws.ts"
import { relayStoreLaws } from "./RelayStoreLaws.ts"
import { repartitionLaws } from "./RepartitionLaws.ts"
import { sharedLaws } from "./SharedLaws.ts"
import { streamViewLaws } from "./StreamViewLaws.ts"
import { viewLaws } from "./ViewLaws.ts"
import { violationLaws } from "./ViolationLaws.ts"

export { LeaseClock } from "./LeaseClock.ts"
export type { Law, Laws } from "./Law.ts"

/**
 * What each port promises, for those who write an adapter of their own. A law is an Effect that fails or dies when it is
 * not kept; it runs under any test runner, on the real clock. Laws of the store's ports need all of them, and `LeaseClock`,
 * by which the test lets leases run out.
 */
export const adapterLaws = {
  outbox: outboxLaws,
  ownership: ownershipLaws,
  inbox: inboxLaws,
  relayStore: relayStoreLaws,
  repartition: repartitionLaws,
  parking: parkingLaws,
  crashLog: crashLogLaws,
  effectLedger: effectLedgerLaws,
  eventLedger: eventLedgerLaws,
  control: controlLaws,
  view: viewLaws,
  violations: violationLaws,
  eventLog: eventLogLaws,
  sharedConsumers: sharedLaws,
  streamView: streamViewLaws
} as const

/** A law that an adapter does not keep: its sentence, and what was seen instead. */
export interface BrokenLaw {
  readonly law: string
  readonly why: string
}

/** These laws are not kept by the adapter, each with what was seen instead. */
export class LawsBroken extends Schema.TaggedError<LawsBroken>()("LawsBroken", {
  broken: Schema.Array(Schema.Struct({ law: Schema.String, why: Schema.String }))
}) {
  override get message() {
    return this.broken.map(({ law, why }) => `broken: ${law}\n  ${why.replaceAll("\n", "\n  ")}`).join("\n")
  }
}

/** How long one law may take. */
const lawMax = "60 seconds"

/** Every law against an adapter, one after the other on the same layer; tells which are broken, and how. */
export const brokenLaws = <R, E>(
  laws: Laws<R>,
  adapter: Layer.Layer<R, E>
): Effect.Effect<ReadonlyArray<BrokenLaw>, E> =>
  Effect.forEach(Object.entries(laws), ([law, check]) =>
    Effect.scoped(check).pipe(
      Effect.timeout(lawMax),
      Effect.exit,
      Effect.map((exit) => (Exit.isSuccess(exit) ? [] : [{ law, why: whyOf(exit.cause) }]))
    )
  ).pipe(
    Effect.map((found) => found.flat()),
    Effect.provide(adapter)
  )

/**
 * Fails unless every law is kept; answers with how many there are. On the real clock, a minute for each law at most.
 *
 * ```ts
 * import { Console, Effect } from "effect"
 * import * as MemoryPipeline from "millrace/memory"
 * import { adapterLaws, checkLaws } from "millrace/testing/laws"
 *
 * const kept = await Effect.runPromise(checkLaws(adapterLaws.effectLedger, MemoryPipeline.layer))
 * await Effect.runPromise(Console.log(`${kept} laws are kept`))
 * ```
 */
export const checkLaws = Effect.fnUntraced(function* <R, E>(laws: Laws<R>, adapter: Layer.Layer<R, E>) {
  const broken = yield* brokenLaws(laws, adapter)
  if (broken.length > 0) return yield* new LawsBroken({ broken })
  return Object.keys(laws).length
})

const whyOf = (cause: Cause.Cause<unknown>) => {
  const failure = Cause.squash(cause)
  return failure instanceof Error && failure.message !== "" ? failure.message : String(failure)
}
