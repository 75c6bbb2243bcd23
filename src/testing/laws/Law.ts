import type { Effect, Scope } from "effect"

/** A guarantee, checked: it fails or dies when the adapter does not keep it. It needs a scope and the real clock. */
export type Law<R> = Effect.Effect<void, unknown, R | Scope.Scope>

/** Laws of a port by what they say. */
export type Laws<R, Name extends string = string> = Readonly<Record<Name, Law<R>>>

/** Laws that need no more than these services. */
export const lawsOf =
  <R>() =>
  <Name extends string>(laws: Laws<R, Name>): Laws<R, Name> =>
    laws
