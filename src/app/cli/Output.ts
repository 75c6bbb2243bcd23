import { Console, Effect } from "effect"
import { Flag } from "effect/cli"

/** `--output`: text for people, json for programs. Data goes to stdout, talk to stderr. */
export const outputFlag = Flag.Literals("output", ["text", "json"]).pipe(
  Flag.withAlias("o"),
  Flag.withDescription("text for people, json for programs"),
  Flag.withDefault("text")
)

/** How a command prints. */
export type OutputFormat = "text" | "json"

/** Data: to stdout, as text or as one JSON document. */
export const print = (format: OutputFormat, data: unknown, text: string): Effect.Effect<void> =>
  Console.log(format === "json" ? JSON.stringify(data, null, 2) : text)

/** Talk: to stderr. */
export const say = (line: string): Effect.Effect<void> => Console.error(line)

/** Columns, padded; numbers to the right. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string | number>>): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => String(row[column] ?? "").length)))
  const cell = (value: string | number, column: number) =>
    typeof value === "number" ? String(value).padStart(widths[column] ?? 0) : value.padEnd(widths[column] ?? 0)
  return rows.map((row) => row.map(cell).join("  ").trimEnd()).join("\n")
}
