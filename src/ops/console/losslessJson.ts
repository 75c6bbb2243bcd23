/** JSON whose numbers stay as they are written: 2^53 + 1 is not 2^53. */

export type Json =
  | { readonly kind: "object"; readonly entries: ReadonlyArray<readonly [string, Json]> }
  | { readonly kind: "array"; readonly items: ReadonlyArray<Json> }
  /** Strings with their quotes, numbers and words, as they are written. */
  | { readonly kind: "string" | "number" | "word"; readonly text: string }

const token = /\s*([{}[\],:]|"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y

interface Reader {
  readonly text: string
  at: number
  depth: number
}

const depthMax = 500

const next = (reader: Reader): string => {
  token.lastIndex = reader.at
  const found = token.exec(reader.text)?.[1]
  if (found === undefined) return ""
  reader.at = token.lastIndex
  return found
}

const peek = (reader: Reader): string => {
  const { at } = reader
  const found = next(reader)
  reader.at = at
  return found
}

/** Undefined: it is no JSON, or nested deeper than anybody reads. */
export const parse = (text: string): Json | undefined => {
  const reader: Reader = { text, at: 0, depth: 0 }
  const value = valueOf(reader)
  return text.slice(reader.at).trim() === "" ? value : undefined
}

const valueOf = (reader: Reader): Json | undefined => {
  const first = next(reader)
  if (first === "{") return nested(reader, objectOf)
  if (first === "[") return nested(reader, arrayOf)
  if (first.startsWith(`"`)) return { kind: "string", text: first }
  if (first === "" || "]},:".includes(first)) return undefined
  return { kind: /^[tfn]/.test(first) ? "word" : "number", text: first }
}

const nested = (reader: Reader, read: (reader: Reader) => Json | undefined): Json | undefined => {
  if (reader.depth === depthMax) return undefined
  reader.depth += 1
  const value = read(reader)
  reader.depth -= 1
  return value
}

const objectOf = (reader: Reader): Json | undefined => {
  const entries: Array<readonly [string, Json]> = []
  if (peek(reader) === "}") {
    next(reader)
    return { kind: "object", entries }
  }
  for (;;) {
    const name = next(reader)
    const value = name.startsWith(`"`) && next(reader) === ":" ? valueOf(reader) : undefined
    if (value === undefined) return undefined
    entries.push([name, value])
    const after = next(reader)
    if (after === "}") return { kind: "object", entries }
    if (after !== ",") return undefined
  }
}

const arrayOf = (reader: Reader): Json | undefined => {
  const items: Array<Json> = []
  if (peek(reader) === "]") {
    next(reader)
    return { kind: "array", items }
  }
  for (;;) {
    const value = valueOf(reader)
    if (value === undefined) return undefined
    items.push(value)
    const after = next(reader)
    if (after === "]") return { kind: "array", items }
    if (after !== ",") return undefined
  }
}

/** Lines of two-space indented JSON. */
export const linesOf = (json: Json, isSorted = false): ReadonlyArray<string> => {
  if (json.kind === "object") {
    const entries = isSorted ? json.entries.toSorted(([a], [b]) => (a < b ? -1 : 1)) : json.entries
    return block(
      "{",
      "}",
      entries.map(([name, value]) => prefixed(`${name}: `, linesOf(value, isSorted)))
    )
  }
  if (json.kind === "array")
    return block(
      "[",
      "]",
      json.items.map((item) => linesOf(item, isSorted))
    )
  return [json.text]
}

type Lines = ReadonlyArray<string>

const prefixed = (prefix: string, [first = "", ...rest]: Lines): Lines => [prefix + first, ...rest]

const block = (begin: string, end: string, members: ReadonlyArray<Lines>): Lines =>
  members.length === 0
    ? [begin + end]
    : [begin, ...members.flatMap((lines, index) => indented(lines, index < members.length - 1)), end]

const indented = (lines: Lines, isFollowed: boolean): Lines =>
  lines.map((line, index) => `  ${line}${isFollowed && index === lines.length - 1 ? "," : ""}`)

/** Indented, or as it is when it is no JSON. */
export const pretty = (text: string): string => {
  const json = parse(text)
  return json === undefined ? text : linesOf(json).join("\n")
}
