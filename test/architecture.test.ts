import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { rules } from "./architecture/Rules.ts"
import { print } from "./architecture/Source.ts"
import { readTree } from "./architecture/Tree.ts"

const tree = readTree(join(import.meta.dirname, ".."))

describe("architecture", () => {
  test.each(Object.entries(rules))("%s", (_, check) => {
    const violations = check(tree).map(print)
    if (violations.length > 0) expect.fail(`${violations.length} found\n${violations.join("\n")}\n`)
  })
})
