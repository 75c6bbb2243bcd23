import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Source } from "./Source.ts"

const patterns = ["{src,test,examples}/**/*.{ts,tsx}", "package.json"]

/** Everything the rules look at, in the order of its path. */
export const readTree = (root: string): ReadonlyArray<Source> =>
  globSync(patterns, { cwd: root, exclude: ["**/node_modules/**"] })
    .toSorted()
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))
