/**
 * Whole numbers for a bigint[] parameter. sql-pg takes the element type from the values, and refuses an array with numbers
 * on both sides of 2^31 as a mixture.
 */
export const bigints = (values: ReadonlyArray<number>): ReadonlyArray<bigint> => values.map(BigInt)

/** An array parameter that may hold nulls. sql-pg cannot encode one of nulls only; `unnest` pads a shorter one with nulls. */
export const nullables = <A>(values: ReadonlyArray<A | null>): ReadonlyArray<A | null> =>
  values.every((value) => value === null) ? [] : values
