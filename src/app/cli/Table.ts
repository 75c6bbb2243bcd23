/** How a state is meant: it is said in words first, and in colour where there is colour. */
export type Tone = "good" | "warn" | "bad"

/** A word with a tone. */
export interface Toned {
  readonly text: string
  readonly tone: Tone | undefined
}

type Cell = string | number | Toned

const codes = { good: 32, warn: 33, bad: 31 } as const

/** In colour, when there is colour. */
export const painted = (text: string, tone: Tone | undefined, canColor: boolean): string =>
  canColor && tone !== undefined ? `\u001b[${codes[tone]}m${text}\u001b[39m` : text

const textOf = (cell: Cell | undefined): string =>
  typeof cell === "object" ? cell.text : cell === undefined ? "" : String(cell)

const toneOf = (cell: Cell | undefined) => (typeof cell === "object" ? cell.tone : undefined)

/** A column without numbers, that is written like one all the same: `12 s`, `–`. */
const isNumeric = (cell: Cell | undefined) =>
  typeof cell === "number" || (typeof cell === "string" && /^(–|[\d.]+ (ms|s|min|h|d))$/.test(cell))

/** Columns, padded; those of numbers to the right, their head too. The first row is the head. */
export const table = (rows: ReadonlyArray<ReadonlyArray<Cell>>, canColor = false): string => {
  const columns = (rows[0] ?? []).map((_, column) => {
    const cells = rows.map((row) => row[column])
    return {
      width: Math.max(...cells.map((cell) => textOf(cell).length)),
      toTheRight: cells.length > 1 && cells.slice(1).every(isNumeric)
    }
  })
  const padded = (cell: Cell, column: number) => {
    const { toTheRight = false, width = 0 } = columns[column] ?? {}
    const text = textOf(cell)
    const last = column === columns.length - 1
    const filled = toTheRight ? text.padStart(width) : last ? text : text.padEnd(width)
    return painted(filled, toneOf(cell), canColor)
  }
  return rows.map((row) => row.map(padded).join("  ").trimEnd()).join("\n")
}
