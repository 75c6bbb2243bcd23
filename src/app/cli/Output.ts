import { Console, Effect } from "effect"
import { Flag } from "effect/cli"

/** `--output`: text for people, json for programs, jsonl for pipes. Data goes to stdout, talk to stderr. */
export const outputFlag = Flag.Literals("output", ["text", "json", "jsonl"]).pipe(
  Flag.withAlias("o"),
  Flag.withDescription("text for people, json for programs, jsonl for one document a line"),
  Flag.withDefault("text")
)

/** How a command prints. */
export type OutputFormat = "text" | "json" | "jsonl"

/** Data: to stdout, as text, as one JSON document, or as `lines` of one document each (the whole, when left out). */
export const print = (
  format: OutputFormat,
  data: unknown,
  text: string,
  lines: ReadonlyArray<unknown> = [data]
): Effect.Effect<void> => {
  if (format === "jsonl") return Effect.forEach(lines, (line) => Console.log(JSON.stringify(line)), { discard: true })
  return Console.log(format === "json" ? JSON.stringify(data, null, 2) : text)
}

/** Talk: to stderr. */
export const say = (line: string): Effect.Effect<void> => Console.error(line)
