/** Small sources that break a rule, or keep it, and where the rule should see that. */
import { type Checker, print, type Source } from "./Source.ts"

export const file = (path: string, ...lines: ReadonlyArray<string>): Source => ({ path, text: `${lines.join("\n")}\n` })

export const repeat = (count: number, line: string): ReadonlyArray<string> => Array.from({ length: count }, () => line)

export const manifest = (...groups: ReadonlyArray<string>): Source => file("package.json", `{ ${groups.join(", ")} }`)

/** `file:line` of everything the checker reports, in its order. */
export const placesOf = (check: Checker, sources: ReadonlyArray<Source>): ReadonlyArray<string> =>
  check(sources).map((violation) => print(violation).split(" ")[0] ?? "")

export interface Case {
  readonly sources: ReadonlyArray<Source>
  readonly places: ReadonlyArray<string>
}

const lines = (path: string, count: number, ...text: ReadonlyArray<string>): Case => ({
  sources: [file(path, ...text)],
  places: text.slice(0, count).map((_, index) => `${path}:${index + 1}`)
})

/** Each of these lines, alone in this file, is a violation on its line. */
export const allBad = (path: string, ...text: ReadonlyArray<string>): Case => lines(path, text.length, ...text)

export const allGood = (path: string, ...text: ReadonlyArray<string>): Case => lines(path, 0, ...text)

export const tree = (sources: ReadonlyArray<Source>, ...places: ReadonlyArray<string>): Case => ({ sources, places })

export type Mutants = ReadonlyArray<readonly [Checker, ReadonlyArray<Case>]>
