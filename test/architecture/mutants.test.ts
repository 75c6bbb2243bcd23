/** A checker that cannot fail proves nothing: every rule is shown code that breaks it, and code that keeps it. */
import { describe, expect, test } from "vitest"
import { codeMutants } from "./CodeMutants.ts"
import { importMutants } from "./ImportMutants.ts"
import { type Case, placesOf } from "./Mutant.ts"
import { rules } from "./Rules.ts"

const mutants = new Map([...importMutants, ...codeMutants])

const provesBoth = (cases: ReadonlyArray<Case>): boolean =>
  cases.some(({ places }) => places.length > 0) && cases.some(({ places }) => places.length === 0)

describe("every rule", () => {
  test.each(Object.entries(rules))("reports what breaks it and nothing else: %s", (_, check) => {
    const cases = mutants.get(check) ?? []
    expect(provesBoth(cases)).toBe(true)
    expect(cases.map(({ sources }) => placesOf(check, sources))).toEqual(cases.map(({ places }) => places))
  })

  test.each(Object.entries(rules))("accepts an empty tree: %s", (_, check) => {
    expect(check([])).toEqual([])
  })
})
