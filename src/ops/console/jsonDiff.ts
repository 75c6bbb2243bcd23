import { linesOf, parse } from "./losslessJson.ts"

export interface DiffLine {
  readonly sign: " " | "-" | "+"
  readonly text: string
}

/** Cells of the table that finds what two texts share; beyond it the middle is shown as replaced. */
const cellsMax = 4_000_000

/** What is to be done to the lines of one JSON to come to another, keys sorted. */
export const diff = (before: string, after: string): ReadonlyArray<DiffLine> => {
  const a = sortedLines(before)
  const b = sortedLines(after)
  const shorter = Math.min(a.length, b.length)
  const head = firstIndex(shorter, (index) => a[index] !== b[index])
  const tail = firstIndex(shorter - head, (index) => a[a.length - 1 - index] !== b[b.length - 1 - index])
  return [
    ...a.slice(0, head).map((text) => ({ sign: " ", text }) as const),
    ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...a.slice(a.length - tail).map((text) => ({ sign: " ", text }) as const)
  ]
}

const sortedLines = (text: string): ReadonlyArray<string> => {
  const json = parse(text)
  return json === undefined ? text.split("\n") : linesOf(json, true)
}

const firstIndex = (limit: number, isIt: (index: number) => boolean): number => {
  for (let index = 0; index < limit; index += 1) if (isIt(index)) return index
  return limit
}

const middle = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): ReadonlyArray<DiffLine> =>
  a.length * b.length > cellsMax
    ? [...a.map((text) => ({ sign: "-", text }) as const), ...b.map((text) => ({ sign: "+", text }) as const)]
    : walked(a, b, common(a, b))

/** Longest common subsequence of what follows each pair of places. */
const common = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): Uint32Array => {
  const width = b.length + 1
  const table = new Uint32Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1)
      table[i * width + j] =
        a[i] === b[j]
          ? (table[(i + 1) * width + j + 1] ?? 0) + 1
          : Math.max(table[(i + 1) * width + j] ?? 0, table[i * width + j + 1] ?? 0)
  return table
}

const walked = (a: ReadonlyArray<string>, b: ReadonlyArray<string>, table: Uint32Array): ReadonlyArray<DiffLine> => {
  const width = b.length + 1
  const lines: Array<DiffLine> = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    const [left, right] = [a[i], b[j]]
    const isDown = right === undefined || (table[(i + 1) * width + j] ?? 0) >= (table[i * width + j + 1] ?? 0)
    const sign = left !== undefined && left === right ? " " : left !== undefined && isDown ? "-" : "+"
    lines.push({ sign, text: (sign === "+" ? right : left) ?? "" })
    if (sign !== "+") i += 1
    if (sign !== "-") j += 1
  }
  return lines
}
