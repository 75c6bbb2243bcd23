import type { Schema } from "effect"

/** One setting: where it comes from, what it may be, and a sentence for people. The default is written as it would be in the environment. */
export interface Setting<S extends Schema.Codec<unknown, unknown>> {
  readonly env: string
  readonly schema: S
  readonly default: string | undefined
  readonly doc: string
}

/** A line of the table of settings. */
export const setting = <S extends Schema.Codec<unknown, unknown>>(
  env: string,
  schema: S,
  defaultValue: string | undefined,
  doc: string
): Setting<S> => ({ env, schema, default: defaultValue, doc })
