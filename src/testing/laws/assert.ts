import strict from "node:assert/strict"

const holds = (value: boolean, what: () => string) => strict.ok(value, value ? "" : what())

const shown = (value: unknown) => JSON.stringify(value)

/** What the laws assert by, under any test runner: each throws, which makes the law die. */
export const assert = {
  deepStrictEqual: (actual: unknown, expected: unknown, message?: string) =>
    strict.deepStrictEqual(actual, expected, message),
  strictEqual: (actual: unknown, expected: unknown, message?: string) => strict.strictEqual(actual, expected, message),
  isTrue: (value: unknown, message?: string) => strict.strictEqual(value, true, message),
  isFalse: (value: unknown, message?: string) => strict.strictEqual(value, false, message),
  isUndefined: (value: unknown, message?: string) => strict.strictEqual(value, undefined, message),
  isAbove: (value: number, low: number) => holds(value > low, () => `${value} is not above ${low}`),
  isBelow: (value: number, high: number) => holds(value < high, () => `${value} is not below ${high}`),
  isAtLeast: (value: number, low: number) => holds(value >= low, () => `${value} is less than ${low}`),
  isAtMost: (value: number, high: number) => holds(value <= high, () => `${value} is more than ${high}`),
  lengthOf: (value: { readonly length: number }, length: number, message?: string) =>
    strict.strictEqual(value.length, length, message),
  include: (all: string | ReadonlyArray<string>, part: string) =>
    holds(all.includes(part), () => `${shown(all)} has no ${shown(part)}`),
  notInclude: (all: string | ReadonlyArray<string>, part: string) =>
    holds(!all.includes(part), () => `${shown(all)} has ${shown(part)}`),
  deepInclude: (all: object | undefined, part: object) => strict.deepStrictEqual({ ...all, ...part }, { ...all }),
  sameMembers: (actual: ReadonlyArray<unknown>, expected: ReadonlyArray<unknown>) =>
    strict.deepStrictEqual(actual.map(shown).toSorted(), expected.map(shown).toSorted()),
  instanceOf: (value: unknown, constructor: abstract new (...args: ReadonlyArray<never>) => unknown) =>
    holds(value instanceof constructor, () => `${String(value)} is no ${constructor.name}`)
} as const
