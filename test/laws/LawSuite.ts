/** How the laws of `millrace/testing/laws` are registered with vitest. */
import { layer } from "@effect/vitest"
import type { Layer } from "effect"
import type { Law, Laws } from "../../src/testing/laws/Law.ts"

/**
 * Runs the same laws against any adapter. `broken` names laws that this adapter is known to break, and how: they are
 * run all the same and expected to fail, so that the list cannot outlive the faults.
 */
export const suiteOf =
  <R, Name extends string>(laws: Laws<R, Name>) =>
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
