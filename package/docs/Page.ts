/** A document that is made, by its path from the root of the repository. */
export interface Page {
  readonly path: string
  readonly text: string
}

/** What every made page begins with. */
export const generated = "<!-- Made by `pnpm build:docs`. Change what it is made from. -->"

/** A table of Markdown. Inside a cell a bar is escaped and a line break is a space. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [rowOf(head), `|${head.map(() => "---").join("|")}|`, ...rows.map((row) => rowOf(row.map(cell)))].join("\n")

const rowOf = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`

const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ")

export const code = (text: string): string => (text === "" ? "–" : `\`${text}\``)
