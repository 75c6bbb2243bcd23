import { Schema } from "effect"

/** A text that Postgres can keep: it has no NUL. */
export const line = (maxChars: number) =>
  Schema.String.check(Schema.isMaxLength(maxChars), Schema.isPattern(/^[^\0]*$/, { message: "must not hold a NUL" }))

/** The highest number a partition may have: with each change of how many there are, they begin behind the last. */
export const partitionMax = 2_147_483_647

/** A whole number, written as text, as a query has it. */
export const wholeText = (minimum: number, maximum: number) =>
  Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum, maximum }))
