/** What the law suites share: how a law is registered, leases that run out on demand, and small readings through ports. */
import { layer } from "@effect/vitest"
import { Context, Effect, type Layer, Predicate, type Scope } from "effect"
import type { Backlog } from "../../src/pipeline/Backlog.ts"
import type { EventLog } from "../../src/pipeline/EventLog.ts"
import type { Inbox } from "../../src/pipeline/Inbox.ts"
import { Outbox } from "../../src/pipeline/Outbox.ts"
import { type Claim, Ownership } from "../../src/pipeline/Ownership.ts"
import { RelayStore } from "../../src/pipeline/RelayStore.ts"
import { Transactor } from "../../src/pipeline/Transactor.ts"
import { entryOf } from "../infra/postgres/PgWorld.ts"

/** Lets every lease and every sign of life of a stream run out, as if its owner had been away for longer. */
export class LeaseClock extends Context.Service<
  LeaseClock,
  { readonly expire: (stream: string) => Effect.Effect<void> }
>()("millrace/test/laws/LeaseClock") {}

/** The ports of the store. They are one world: a law of one is often observed through another. */
export type StorePorts = Backlog | Outbox | Inbox | Ownership | RelayStore | Transactor | EventLog | LeaseClock

/** A guarantee, checked: it fails or dies when the adapter does not keep it. */
export type Law<R> = Effect.Effect<void, unknown, R | Scope.Scope>

/**
 * Runs the same laws against any adapter. `broken` names laws that this adapter is known to break, and how: they are
 * run all the same and expected to fail, so that the list cannot outlive the faults.
 */
export const suiteOf =
  <R>() =>
  <Name extends string>(laws: Readonly<Record<Name, Law<R>>>) =>
  <E>(name: string, world: Layer.Layer<R, E>, broken: { readonly [law in Name]?: string } = {}): void => {
    const reasons = new Map<string, unknown>(Object.entries(broken))
    layer(world, { excludeTestServices: true, timeout: "60 seconds" })(name, (it) => {
      for (const [law, check] of Object.entries<Law<R>>(laws)) {
        const reason = reasons.get(law)
        if (reason === undefined) it.effect(law, () => check)
        else it.effect.fails(`${law} [known to be broken: ${String(reason)}]`, () => check)
      }
    })
  }

/** Appends one entry for each of the keys in a transaction of its own. */
export const append = Effect.fnUntraced(function* (
  stream: string,
  keys: ReadonlyArray<string>,
  options: { readonly expectedVersion?: number } = {}
) {
  const { run } = yield* Transactor
  const outbox = yield* Outbox
  return yield* run(outbox.append(stream, keys.map(entryOf), options))
})

/** What the relay sees of a stream. */
export const rowsIn = Effect.fnUntraced(function* (stream: string) {
  const store = yield* RelayStore
  return yield* store.read(stream, 10_000, [])
})

/** `a1 b1 a2` */
export const placesOf = (events: ReadonlyArray<{ readonly key: string; readonly version: number }>) =>
  events.map(({ key, version }) => `${key}${version}`).join(" ")

/** The same for what the relay sees. */
export const placesIn = (stream: string) => Effect.map(rowsIn(stream), placesOf)

/** What a failure is called. */
export const tagOf = <A, E, R>(operation: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(operation), (error) =>
    Predicate.hasProperty(error, "_tag") ? String(error._tag) : String(error)
  )

/** What must be there for the law to mean anything. */
export const present = <A>(value: A | undefined): Effect.Effect<A> =>
  value === undefined ? Effect.die(new Error("something the law needs is missing")) : Effect.succeed(value)

/** Claims the partitions 0, 1, 2 … of the handler `mail`, as many as are free of so many, in their order. */
export const claimed = Effect.fnUntraced(function* (stream: string, owner: string, partitions: number) {
  const ownership = yield* Ownership
  const wanted = Array.from({ length: partitions }, (_, partition) => ({ handler: "mail", partition }))
  return byPartition(yield* ownership.claim(stream, owner, wanted))
})

/** Claims come in any order. */
export const byPartition = (claims: ReadonlyArray<Claim>): ReadonlyArray<Claim> =>
  claims.toSorted((a, b) => a.partition - b.partition || (a.handler < b.handler ? -1 : 1))

/** So many at the same time. */
export const together = <A, E, R>(count: number, one: (i: number) => Effect.Effect<A, E, R>) =>
  Effect.forEach(
    Array.from({ length: count }, (_, i) => i),
    one,
    { concurrency: "unbounded" }
  )
